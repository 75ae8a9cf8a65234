"""Makes ``docs/methods/``: a page for every method, from its own docstrings and code, and an index.

    python docs/methods.py

A test checks that the pages are those that this makes.
"""

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twofold.core import registry
from twofold.core.method import Method
from twofold.train.resolve import hyper_parameters

DOCS = Path(__file__).resolve().parent
PLACE = DOCS / "methods"
MADE = "<!-- made by docs/methods.py -->"
STEPS = ("forward", "before_step", "after_step", "before_epoch")


def main() -> None:
    """Writes what is new and removes what is gone."""
    PLACE.mkdir(exist_ok=True)
    made = pages()
    for old in PLACE.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (PLACE / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of every page by its file name."""
    names = registry.names("methods")
    return {"index.md": index(names), **{f"{name}.md": page(name) for name in names}}


def index(names: Iterable[str]) -> str:
    """All methods in one table."""
    lines = [
        MADE,
        "# Methods",
        "",
        "One file a method in `src/twofold/methods/`. A preset is what its line lists; an encoder or a size",
        "that it does not list is what suits the images and the machine. A paper's own are asked for beside",
        "it: `--preset imagenet --encoder resnet50 --size 224`. A warm-up of so many epochs stays so long in",
        "longer trainings, and keeps its share of shorter ones.",
        "",
    ]
    rows = []
    for name in names:
        title, paper, what = named(registry.summary("methods", name))
        rows.append([f"[`{name}`]({name}.md)", title, paper, what])
    return "\n".join([*lines, *table(["name", "method", "paper", "idea"], rows), ""])


def page(name: str) -> str:
    """Idea, pseudo-code, hyper-parameters, figures and traps of one method."""
    cls = registry.find("methods", name)
    title, paper, what = named(registry.summary("methods", name))
    text = sections(inspect.getdoc(cls) or "")
    taught = "learn_from" in vars(cls)
    command = "distill DATA --teacher CLASSIFIER" if taught else f"pretrain DATA --method {name}"
    parts = [
        MADE,
        f"# {title}",
        "",
        f"{paper}. `twofold {command}`",
        "",
        what[:1].upper() + what[1:],
        "",
        text["idea"],
        "",
        "## The step",
        "",
        "```python",
        "\n\n\n".join(source(getattr(cls, step)) for step in STEPS if step in vars(cls)),
        "```",
        "",
        "## Hyper-parameters",
        "",
        *table(["name", "default", "meaning"], arguments(cls, text["Args"])),
        "",
        "## Presets",
        "",
        *presets(cls.presets),
    ]
    figures = [*bullets(text.get("Published", "")), *own(name)]
    if figures:
        parts += ["", "## Figures", "", *figures]
    if "Traps" in text:
        parts += ["", "## Traps", "", *bullets(text["Traps"])]
    return "\n".join([*parts, ""])


def named(summary: str) -> tuple[str, str, str]:
    """Title, paper with a link, and the idea in half a sentence, of a docstring's first line."""
    head, _, idea = summary.partition(": ")
    title, _, paper = head.partition(", ")
    linked = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)
    return title, linked, idea or summary


def sections(docstring: str) -> dict[str, str]:
    """The paragraphs after the first line as ``idea``, and what stands under each heading."""
    body = docstring.partition("\n")[2].strip("\n")
    found = re.split(r"^(\w[\w ]*):$", body, flags=re.MULTILINE)
    texts = {"idea": plain(found[0])}
    for heading, text in zip(found[1::2], found[2::2], strict=True):
        texts[heading] = inspect.cleandoc("\n" + text)
    return texts


def plain(text: str) -> str:
    """Markdown from a docstring."""
    return text.strip().replace("``", "`")


def bullets(text: str) -> list[str]:
    """Lines of a list."""
    return plain(text).splitlines()


def arguments(cls: type[Method], text: str) -> list[list[str]]:
    """Every hyper-parameter with its default, the paper's, and what the docstring says of it."""
    said = dict(re.findall(r"^(\w+): (.*?)(?=^\w+: |\Z)", text, re.MULTILINE | re.DOTALL))
    defaults = hyper_parameters(cls)
    return [[f"`{name}`", f"`{value}`", one_line(said[name])] for name, value in defaults.items()]


def one_line(text: str) -> str:
    """Fit for a cell of a table."""
    return plain(" ".join(text.split())).replace("|", "\\|")


def presets(known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line a preset."""
    lines = ["- `paper`: the defaults above, and the settings that fit the machine"]
    for name, settings in known.items():
        shown = ", ".join(f"{key} {shortly(value)}" for key, value in settings.items())
        lines.append(f"- `{name}`: {shown}")
    return lines


def shortly(value: Any) -> str:
    """A number, a word, or the name of a recipe."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return "(" + ", ".join(shortly(each) for each in value) + ")"
    return str(getattr(value, "name", value))


def source(function: Any) -> str:
    """Code as it stands in its file."""
    return inspect.cleandoc("\n" + inspect.getsource(function)).rstrip()


def own(name: str) -> list[str]:
    """What we measured."""
    rows = json.loads((DOCS / "results" / "methods.json").read_text(encoding="utf-8"))
    return [line(row) for row in rows if row["method"] == name and "scores" in row]


def line(row: Mapping[str, Any]) -> str:
    """k-NN and linear accuracy of one run of ours."""
    knn, linear = (
        next(
            score["value"]
            for score in row["scores"]
            if score["subject"][:2] == "20"  # a run, not a floor
            and (score["evaluation"], score["metric"], score["protocol"].get("k")) == (way, "accuracy", k)
        )
        for way, k in (("knn", 200), ("linear", None))
    )
    machine = re.split(r", \d+ cores", row["machine"])[0]
    return (
        f"- ours: `{row['command']}`: {100 * knn:.1f} k-NN (k=200), {100 * linear:.1f} linear on `val`, "
        f"{machine}, commit {row['commit']} ([beside all others](../results.md))"
    )


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Markdown lines."""
    return ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]


if __name__ == "__main__":
    main()
