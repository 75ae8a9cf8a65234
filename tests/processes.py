"""Several processes joined like several devices: started when first needed, asked many times.

``in_processes(count, function, *arguments)`` calls the function in each and returns all results, by rank.
The function must live in a module beside this one: test modules cannot be imported by name.
"""

import functools
import os
import pickle
import socket
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import pytest

three_processes = pytest.mark.xdist_group("three processes")
"""For tests that ask three: one of pytest's workers starts them then, and not each."""

PATIENCE = 180
"""Seconds to wait for an answer, start and imports included."""


def in_processes(count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    pipes = _workers(count)
    for pipe in pipes:
        pipe.send_bytes(pickle.dumps((function, arguments)))
    answers = [_answer(pipe) for pipe in pipes]
    failures = [failure for _, failure in answers if failure]
    if failures:
        raise AssertionError(f"one of {count} processes failed:\n" + "\n".join(failures))
    return [result for result, _ in answers]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answer(pipe: Connection) -> tuple[Any, str]:
    if not pipe.poll(PATIENCE):
        _workers.cache_clear()  # an answer that comes too late must not be taken for the next one
        raise AssertionError(f"one of several processes gave no answer for {PATIENCE} seconds")
    answer: tuple[Any, str] = pickle.loads(pipe.recv_bytes())
    return answer


@functools.cache
def _workers(count: int) -> list[Connection]:
    context, port = get_context("spawn"), free_port()
    pipes = []
    for rank in range(count):
        ours, theirs = context.Pipe()
        context.Process(target=_serve, args=(rank, count, port, theirs), daemon=True).start()
        theirs.close()
        pipes.append(ours)
    return pipes


def _serve(rank: int, count: int, port: int, pipe: Connection) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    import torch

    from twofold.core import dist
    from twofold.core.processes import Seat

    torch.set_num_threads(1)
    dist.join(Seat(rank, count, rank, count, "127.0.0.1", port))
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
