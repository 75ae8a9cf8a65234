"""Makes the second half of ``docs/evaluations.md``: every protocol, from its own docstring.

    python docs/evaluations.py

What stands above the mark in that page is written by hand. A test checks that the rest is what this makes.
"""

import dataclasses
import inspect
import re
from pathlib import Path

from methods import bullets, one_line, plain, sections, table
from twofold.core import registry
from twofold.core.evaluation import needs_labels, shown_metrics

PAGE = Path(__file__).resolve().parent / "evaluations.md"
MADE = "<!-- from here on made by docs/evaluations.py -->"


def main() -> None:
    """Writes the page anew."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """The page with its second half made anew."""
    names = registry.names("evaluations")
    parts = [text.partition(MADE)[0].rstrip("\n"), "", MADE, "", "## All protocols", "", *overview(names)]
    for name in names:
        parts += ["", *section(name)]
    return "\n".join([*parts, ""])


def overview(names: list[str]) -> list[str]:
    """All protocols in one table."""
    rows = []
    for name in names:
        kind = registry.find("evaluations", name)
        shown = ", ".join(f"`{metric}`" for metric in shown_metrics(kind))
        summary = linked(registry.summary("evaluations", name))
        rows.append([f"[`{name}`](#{name})", summary, shown, "yes" if needs_labels(kind) else "no"])
    return table(["name", "what it is", "figures in the table", "needs labels"], rows)


def section(name: str) -> list[str]:
    """Summary, explanation and options of one protocol."""
    kind = registry.find("evaluations", name)
    text = sections(inspect.getdoc(kind) or "")
    said = dict(re.findall(r"^(\w+): (.*?)(?=^\w+: |\Z)", text.get("Args", ""), re.MULTILINE | re.DOTALL))
    rows = [
        [f"`--{name}.{field.name}`".replace("_", "-"), f"`{field.default}`", one_line(said[field.name])]
        for field in dataclasses.fields(kind)
    ]
    parts = [f"### {name}", "", linked(registry.summary("evaluations", name))]
    if text["idea"]:
        parts += ["", linked(text["idea"])]
    if rows:
        parts += ["", *table(["option", "default", "meaning"], rows)]
    if "Traps" in text:
        parts += ["", *bullets(text["Traps"])]
    return parts


def linked(text: str) -> str:
    """Markdown whose papers can be followed."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", plain(text))


if __name__ == "__main__":
    main()
