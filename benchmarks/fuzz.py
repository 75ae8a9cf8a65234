"""Damaged files of every kind, many of each: read, or refused in a sentence?

    python benchmarks/fuzz.py --examples 2000

Kept in ``docs/results/fuzz.json``; ``docs/results.md`` is made from it by ``benchmarks/results.py``. What is
neither read nor refused is printed with the bytes that did it, and ends in status 1.
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from record import ROOT, commit, keep

sys.path.insert(0, str(ROOT / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzzing import Kind, corpus, damaged, outcome
from twofold.train.environment import processor


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=2000, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", help="some of the kinds by name; nothing is kept then")
    wanted = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        kinds = [k for k in corpus(Path(folder)) if not wanted.kinds or k.name in wanted.kinds]
        began = time.monotonic()
        for done, kind in enumerate(kinds, 1):
            rows.append(
                {
                    "kind": kind.name,
                    **tried(kind, wanted.examples, wanted.seed),
                    "command": f"python benchmarks/fuzz.py --examples {wanted.examples} --seed {wanted.seed}",
                    "commit": commit("src"),
                    "machine": processor(),
                }
            )
            left = (time.monotonic() - began) / done * (len(kinds) - done)
            print({name: rows[-1][name] for name in ("kind", "read", "refused", "bugs")}, flush=True)
            print(f"{done} of {len(kinds)} kinds, about {left / 60:.1f} minutes left", flush=True)
    if not wanted.kinds:
        keep("fuzz", rows)
    sys.exit(any(row["bugs"] for row in rows))


def tried(kind: Kind, examples: int, start: int) -> dict[str, Any]:
    """Counts of outcomes; a bug is counted by its error and does not end the search for others."""
    outcomes: Counter[str] = Counter()
    bugs: dict[str, str] = {}

    @seed(start)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(kind))
    def search(content: bytes) -> None:
        try:
            outcomes[outcome(kind, content)] += 1
        except Exception as error:
            outcomes["bug"] += 1
            name = f"{type(error).__name__}: {error}"[:200]
            if name not in bugs:
                bugs[name] = content.hex() if len(content) < 2000 else content[:200].hex()
                print(kind.name, name, flush=True)
                Path(tempfile.gettempdir(), f"fuzz-{kind.name}-{len(bugs)}").write_bytes(content)

    search()
    return {"read": outcomes["read"], "refused": outcomes["refused"], "bugs": bugs}


if __name__ == "__main__":
    main()
