import subprocess
import sys

import pytest

from twofold.cli import commands, main

HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "sklearn",
    "scipy",
    "pyarrow",
    "PIL",
    "altair",
    "jinja2",
    "simplejpeg",
)
"""Half a second to several seconds each: imported where they are used, never at start."""


def imported_by(code):
    tell = "import sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    words = [sys.executable, "-c", f"{code}\n{tell}"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import twofold",
        "from twofold.cli import main; assert main(['--help']) == 0",
        "from twofold.cli import main; assert main(['--version']) == 0",
        "from twofold.cli import main; assert main(['evaluate', '--help']) == 0",
    ],
)
def test_starting_does_not_import_what_is_slow(code):
    assert imported_by(code).isdisjoint(HEAVY)


def test_the_overview_names_every_command(capsys):
    assert main([]) == main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in commands():
        assert f"\n  {command} " in shown


@pytest.mark.parametrize("command", commands())
def test_every_command_explains_itself(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert f"usage: twofold {command}" in shown.out
    assert "options:" in shown.out


@pytest.mark.parametrize("command", commands())
def test_an_unknown_option_is_one_line_and_status_2(command, capsys):
    assert main([command, "--no-such-option"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("twofold: ")
    assert shown.err.count("\n") == 1


def test_a_misspelt_command_names_the_nearest(capsys):
    assert main(["pretrian"]) == 2
    assert "did you mean 'pretrain'?" in capsys.readouterr().err
