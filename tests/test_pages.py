"""What the pages for people show and name is there."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from twofold.cli import commands
from twofold.core import registry

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"```python\n# (src/\S+)\n(.*?)```", PAGE, re.DOTALL)
PLACES = sorted(set(re.findall(r"`((?:core|nn|data|train|views|report)/[\w/]+\.py)`", PAGE)))
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = [
    (page, link)
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/index.md",
        "docs/methods/index.md",
        "docs/evaluations.md",
        "docs/using.md",
        "docs/views.md",
        "docs/safety.md",
        "docs/watching.md",
        "docs/architecture.md",
    )
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("file", "quote"), QUOTES)
def test_quoted_code_is_the_code(file, quote):
    assert quote in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("place", PLACES)
def test_named_files_exist(place):
    assert (ROOT / "src/twofold" / place).is_file()


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_links_lead_somewhere(page, link):
    assert ((ROOT / page).parent / link).exists()


def test_the_readme_lists_every_method_and_every_command():
    assert sorted(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == registry.names("methods")
    assert sorted(set(re.findall(r"^\| `twofold (\w+)", README, re.MULTILINE))) == commands()


def test_pages_of_methods_are_those_that_are_made():
    spec = importlib.util.spec_from_file_location("pages_of_methods", ROOT / "docs/methods.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    there = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs/methods").glob("*.md")}
    assert there == made.pages(), "run: python docs/methods.py"


def test_the_page_of_evaluations_is_the_one_that_is_made(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("page_of_evaluations", ROOT / "docs/evaluations.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    text = (ROOT / "docs/evaluations.md").read_text(encoding="utf-8")
    assert text == made.page(text), "run: python docs/evaluations.py"


def test_commands_on_the_page_of_evaluations_name_what_there_is():
    text = (ROOT / "docs/evaluations.md").read_text(encoding="utf-8").partition("<!--")[0]
    asked = {name for some in re.findall(r"--evaluations ([\w,]+)", text) for name in some.split(",")}
    recommended = set(re.findall(r"\| `(\w+)`", text))
    assert asked | recommended <= set(registry.names("evaluations"))
    assert len(recommended) > 5


def test_every_method_tells_its_traps():
    for name in registry.names("methods"):
        assert "    Traps:\n" in registry.find("methods", name).__doc__, name


def test_every_recipe_that_is_named_can_be_asked_for():
    from twofold.views.asked import known

    table = (ROOT / "docs/views.md").read_text(encoding="utf-8").partition("## Change a recipe")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named and named <= set(known())


def test_the_layers_are_those_that_are_enforced():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert " > ".join(layers) in PAGE
