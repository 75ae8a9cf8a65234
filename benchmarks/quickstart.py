"""What ``twofold quickstart`` gives, and how long it takes, over some seeds.

    python benchmarks/quickstart.py --seeds 0 1 2

Kept in ``docs/results/quickstart.json``; ``docs/results.md`` is made from it by ``benchmarks/results.py``.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from record import commit, keep, machine_of, twofold


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    rows: list[dict[str, Any]] = []
    for seed in parser.parse_args().seeds:
        with tempfile.TemporaryDirectory() as out:
            words = ["quickstart", "--seed", str(seed)]
            seconds = twofold(*words, "--out", out)
            (run,) = Path(out).glob("*/spec.json")
            rows.append(
                {
                    "command": " ".join(["twofold", *words]),
                    "seed": seed,
                    "seconds": seconds,
                    "scores": json.loads((run.parent / "scores.json").read_text()),
                    "commit": commit("src"),
                    "machine": machine_of(json.loads(run.read_text())),
                }
            )
        keep("quickstart", rows)


if __name__ == "__main__":
    main()
