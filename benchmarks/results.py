"""Makes ``docs/results.md`` from the JSON files that the benchmarks keep beside it.

python benchmarks/results.py
"""

import json
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
SECTIONS = (
    "quickstart",
    "methods",
    "tune",
    "end_to_end",
    "step",
    "views",
    "evaluate",
    "transfer",
    "fine_tuning",
    "distillation",
    "kill",
    "fuzz",
)
"""Their order: each is a record, and what makes a section of it."""

HEAD = """# Results

Every figure here was measured; the command that made it stands beside it, and the raw record, with
settings, commit and machine, is in `docs/results/`. Made by `python benchmarks/results.py`.
"""


def main() -> None:
    parts = [HEAD]
    for name in SECTIONS:
        path = DOCS / "results" / f"{name}.json"
        if path.is_file():
            parts.append(import_module(f"sections.{name}").section(json.loads(path.read_text())))
    (DOCS / "results.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
