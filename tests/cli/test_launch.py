"""What the launcher does with its children, which are small programs here."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twofold.cli._launch import launch

LAUNCHING = (
    "import sys; from twofold.cli._launch import launch; "
    "sys.exit(launch([sys.executable, '-c', sys.argv[1]], 2))"
)


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_each_learns_its_place(tmp_path: Path) -> None:
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
    text = (
        f"import os; rank = os.environ['RANK']; told = [os.environ[name] for name in {names}];"
        f"open({str(tmp_path)!r} + '/' + rank, 'w').write(' '.join(told))"
    )
    assert launch(program(text), 3) == 0
    assert [(tmp_path / str(rank)).read_text() for rank in range(3)] == [
        f"{rank} {rank} 3 3 127.0.0.1" for rank in range(3)
    ]


def test_the_first_failure_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twofold.cli._launch.GRACE", 0.2)
    began = time.monotonic()
    assert launch(program("import os, time; os.environ['RANK'] == '1' and exit(7); time.sleep(60)"), 2) == 7
    assert time.monotonic() - began < 20


def test_who_was_killed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = "import os; os.environ['RANK'] == '1' and os.kill(os.getpid(), 9)"
    assert launch(program(text), 2) == 128 + 9
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("twofold: process 1 of 2 was ended by SIGKILL")


@pytest.mark.parametrize(("name", "for_memory"), [("SIGKILL", True), ("SIGTERM", False)])
def test_memory_is_suspected_only_where_the_system_kills(
    name: str, for_memory: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    launch(program(f"import os, signal; os.kill(os.getpid(), signal.{name})"), 1)
    told = capsys.readouterr().err
    assert f"was ended by {name}" in told and "--resume RUN" in told
    assert ("for the memory" in told) == for_memory


def test_nothing_is_told_to_whoever_sent_the_signal(tmp_path: Path) -> None:
    text = (
        "import os, pathlib, time\n"
        f"(pathlib.Path({str(tmp_path)!r}) / os.environ['RANK']).touch()\n"
        "time.sleep(30)\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHING, text], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    launcher.terminate()
    assert launcher.communicate(timeout=30)[1] == b""
    assert launcher.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_of_the_terminal_reaches_each_child_once(
    number: signal.Signals, tmp_path: Path
) -> None:
    text = (
        "import os, signal, sys, time, pathlib\n"
        f"path = pathlib.Path({str(tmp_path)!r}) / os.environ['RANK']\n"
        "heard = []\n"
        f"signal.signal({int(number)}, lambda *_: heard.append(1))\n"
        "path.touch()\n"
        "end = time.monotonic() + 30\n"
        "while not heard and time.monotonic() < end: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "path.write_text(f'{len(heard)} {os.getpgrp() == os.getpid()}')\n"
        "sys.exit(130)\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHING, text], process_group=0)
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(launcher.pid, number)  # as a terminal does
    assert launcher.wait(timeout=30) == 130
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["1 True"] * 2  # from the launcher
