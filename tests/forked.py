"""A process that has done all heavy imports, and forks a child for every job.

A child may be killed, or starved of disk and memory, without harm to the tests; and it starts at once.
``in_child(function, *arguments)`` calls the function there. The function must live in a module beside this
one, and what it returns is the exit status.
"""

import atexit
import functools
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple


class Ended(NamedTuple):
    """How a child ended: its exit status, or minus the signal that killed it, and all it printed."""

    status: int
    printed: str


def in_child(function: Any, *arguments: Any) -> Ended:
    server = _server()
    _send(server.stdin, (function, arguments))
    return Ended(*_receive(server.stdout))


@functools.cache
def _server() -> Any:
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    server = subprocess.Popen(
        [sys.executable, "-c", "import forked; forked._serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )
    atexit.register(_end, server)
    return server


def _end(server: Any) -> None:
    server.stdin.close()
    server.stdout.close()
    server.wait()


def _serve() -> None:
    """Imports what jobs need; starts no thread, which a fork would lose."""
    import starved

    starved.warm()
    answers = os.fdopen(os.dup(1), "wb")
    while True:
        try:
            request = _receive(sys.stdin.buffer)
        except EOFError:
            return
        with tempfile.TemporaryFile() as printed:
            child = os.fork()
            if not child:
                _work(request, printed.fileno())
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            printed.seek(0)
            _send(answers, (status, printed.read().decode()))


def _work(request: tuple[Any, tuple[Any, ...]], printed: int) -> None:
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    status = 1
    try:
        function, arguments = request
        status = function(*arguments) or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _send(pipe: BinaryIO, what: Any) -> None:
    content = pickle.dumps(what)
    pipe.write(struct.pack("<Q", len(content)) + content)
    pipe.flush()


def _receive(pipe: BinaryIO) -> Any:
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError("the process that forks has ended")
    return pickle.loads(pipe.read(*struct.unpack("<Q", head)))
