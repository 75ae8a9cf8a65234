import errno
import os
import re

import numpy as np
import pytest
import torch

from twofold.cli import main, runs
from twofold.cli._failures import told
from twofold.core.errors import TwofoldError


def full() -> None:
    with open("/dev/full", "wb", buffering=0) as file:  # noqa: PTH123
        file.write(b"x")


def gone() -> None:
    with open("/no/such/folder/file", "rb"):  # noqa: PTH123
        pass


def fails(number: int) -> None:
    raise OSError(number, os.strerror(number), "/some/file")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (full, "no room left on the disk to write"),
        (gone, "/no/such/folder/file is gone"),
        (lambda: fails(errno.EROFS), "/some/file may not be written"),
        (lambda: fails(errno.EACCES), "/some/file may not be written"),
        (lambda: fails(errno.EMFILE), "too many open files"),
        (lambda: fails(errno.EIO), "/some/file fails .*disk"),
        (lambda: np.empty(1 << 45), "out of memory: give a smaller --batch-size"),
        (lambda: torch.empty(1 << 50), "out of memory: give a smaller --batch-size"),
    ],
)
def test_what_the_machine_lacks_is_one_line_that_says_what_to_do(failure, sentence, monkeypatch, capsys):
    monkeypatch.setattr(runs, "run", lambda args: failure())
    assert main(["runs"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--debug" not in error
    assert re.match(f"twofold: .*{sentence}", error)


def test_what_a_library_made_of_it_does_not_hide_it():
    try:
        try:
            full()
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904
    except RuntimeError as error:
        assert "no room left" in told(error)


def test_a_compiler_that_is_missing_is_named():
    from torch._inductor.exc import InvalidCxxCompiler

    error = RuntimeError("InvalidCxxCompiler: No working C++ compiler found")
    error.__cause__ = InvalidCxxCompiler()
    assert "--compile needs a C++ compiler" in told(error)


def test_other_errors_are_not_taken_for_it(monkeypatch, capsys):
    assert told(ValueError("memory")) is None
    assert told(RuntimeError("shapes differ")) is None
    monkeypatch.setattr(runs, "run", lambda args: [].pop())
    assert main(["runs"]) == 1
    assert "IndexError: pop from empty list (run again with --debug" in capsys.readouterr().err


def test_what_others_on_the_way_knew_is_told_behind_it(monkeypatch, capsys):
    def fail(_: object) -> None:
        error = TwofoldError("it failed,\nin two lines")
        error.add_note("go on with: something")
        raise error

    monkeypatch.setattr(runs, "run", fail)
    assert main(["runs"]) == 1
    assert capsys.readouterr().err == "twofold: it failed, in two lines; go on with: something\n"
