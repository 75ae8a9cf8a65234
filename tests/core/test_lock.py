import errno
import os
import signal
import subprocess
import sys

import pytest

from twofold.core.errors import TwofoldError
from twofold.core.lock import locked

HOLDS = """
import sys, time
from pathlib import Path
from twofold.core.lock import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_one_and_free_again_afterwards(tmp_path):
    for _ in range(2):
        with locked(tmp_path, pytest.fail), pytest.raises(TwofoldError, match=f"training in {tmp_path}"):
            locked(tmp_path, pytest.fail).__enter__()


def test_a_killed_process_locks_nobody_out(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(TwofoldError, match="another process"):
        locked(tmp_path, pytest.fail).__enter__()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with locked(tmp_path, pytest.fail):
        pass


def test_who_is_patient_has_the_folder_once_the_other_is_done(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS.replace("60", "0.5"), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    with locked(tmp_path, pytest.fail, patience=30):
        pass
    process.communicate()


def test_where_there_are_no_locks_it_is_told(tmp_path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    told: list[str] = []
    with locked(tmp_path, told.append):
        pass
    assert told == [f"{tmp_path} cannot be locked here: see to it that no second process trains in it"]
