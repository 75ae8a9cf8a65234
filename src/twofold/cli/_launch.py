"""Starts several processes of one command on this machine and sees them to their end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager

from twofold.core.processes import GO_ON, LAUNCHED, RESUMED

Child = subprocess.Popen[bytes]

GRACE = 10.0
"""Seconds in which the others may end by themselves once one has failed."""

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch(command: Sequence[str], count: int) -> int:
    """Runs a command in ``count`` processes, which learn their places as torchrun would tell them.

    Each is in a process group of its own: Ctrl-C reaches this process alone, which passes it on once.

    Args:
        command: Program and arguments.
        count: How many processes.

    Returns:
        0 where all succeed, else the exit status of the first that failed: 128 and its number for a signal.
    """
    shared = {
        **os.environ,
        LAUNCHED: str(os.getpid()),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
    }
    if sys.platform == "linux":
        shared.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a machine's own name may lead nowhere
    children: list[Child] = []
    with _signals_passed_on(children) as passed_on:
        try:
            for rank in range(count):
                place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                children.append(subprocess.Popen(command, env={**shared, **place}, process_group=0))
            status = _first_failure(children)
            if status:
                _wait_for_the_others(children)
                _tell_of_the_killed(children, passed_on)
        finally:
            for child in children:
                if child.poll() is None:
                    child.kill()
                    child.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def _signals_passed_on(children: Sequence[Child]) -> Iterator[set[int]]:
    """What asks this process to stop asks all of them; what it ignores, as under nohup, it leaves ignored.

    Gives the signals that have been passed on.
    """
    passed_on: set[int] = set()

    def pass_on(number: int, _: object) -> None:
        passed_on.add(number)
        for child in children:
            child.send_signal(number)

    heeded = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heeded}
    try:
        yield passed_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_failure(children: Sequence[Child]) -> int:
    """Waits until one fails or all succeed."""
    while True:
        statuses = [child.poll() for child in children]
        failed = [status for status in statuses if status]
        if failed:
            return min(failed)  # negative where a signal ended it, which the others only suffer from
        if None not in statuses:
            return 0
        time.sleep(0.05)


def _wait_for_the_others(children: Sequence[Child]) -> None:
    """They notice by themselves, unless they wait for a GPU."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end and any(child.poll() is None for child in children):
        time.sleep(0.05)


def _tell_of_the_killed(children: Sequence[Child], passed_on: Container[int]) -> None:
    """Who is killed cannot tell it; whoever sent a signal that was passed on knows."""
    for rank, child in enumerate(children):
        number = -(child.returncode or 0)
        if number > 0 and number not in passed_on:
            ended = f"process {rank} of {len(children)} was ended by {signal.Signals(number).name}"
            print(f"twofold: {ended}{GO_ON if number == signal.SIGKILL else RESUMED}", file=sys.stderr)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
