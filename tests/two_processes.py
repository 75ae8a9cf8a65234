"""Two processes joined like two devices: started when first needed, asked many times.

``in_two_processes(function, *arguments)`` calls the function in both and returns both results, by rank.
The function must live in a module beside this one: test modules cannot be imported by name.
"""

import atexit
import functools
import os
import pickle
import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

PATIENCE = 180
"""Seconds to wait for an answer, start and imports included."""


def in_two_processes(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    pipes = _workers()
    for pipe in pipes:
        pipe.send_bytes(pickle.dumps((function, arguments)))
    answers = [_answer(pipe) for pipe in pipes]
    failures = [failure for _, failure in answers if failure]
    if failures:
        raise AssertionError("one of two processes failed:\n" + "\n".join(failures))
    return [result for result, _ in answers]


def _answer(pipe: Connection) -> tuple[Any, str]:
    if not pipe.poll(PATIENCE):
        _workers.cache_clear()  # an answer that comes too late must not be taken for the next one
        raise AssertionError(f"one of two processes gave no answer for {PATIENCE} seconds")
    answer: tuple[Any, str] = pickle.loads(pipe.recv_bytes())
    return answer


@functools.cache
def _workers() -> list[Connection]:
    context, folder = get_context("spawn"), tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    pipes = []
    for rank in range(2):
        ours, theirs = context.Pipe()
        context.Process(target=_serve, args=(rank, f"{folder.name}/meet", theirs), daemon=True).start()
        theirs.close()
        pipes.append(ours)
    return pipes


def _serve(rank: int, meeting_point: str, pipe: Connection) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    import torch

    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{meeting_point}",
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    while True:
        try:
            request = pipe.recv_bytes()
        except EOFError:  # the tests are over
            return
        try:
            function, arguments = pickle.loads(request)
            torch.manual_seed(0)
            answer = function(*arguments), ""
        except Exception:
            answer = None, traceback.format_exc()
        pipe.send_bytes(pickle.dumps(answer))
