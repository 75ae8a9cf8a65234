"""Commands that several processes of this machine, or of many, carry out as one."""

import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from twofold.core.errors import UsageError
from twofold.core.processes import LAUNCHED, seat

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def add_devices(parser: "ArgumentParser") -> None:
    """``--devices``."""
    parser.add_argument(
        "--devices",
        type=int,
        default=1,
        help="processes on this machine: each has a GPU, or its share of the cores",
    )


def on_devices(run: Callable[["Namespace"], int]) -> Callable[["Namespace"], int]:
    """Lets a command run in ``--devices`` processes, or in those that torchrun or SLURM has started.

    Args:
        run: The command; it is carried out in each of them, and returns the exit status.
    """

    @functools.wraps(run)
    def inner(args: "Namespace") -> int:
        if _starts_others(args.devices):
            from twofold.cli._launch import launch

            return launch([sys.executable, "-m", "twofold", *args.typed], args.devices)
        from twofold.core import dist

        with dist.joined():
            return run(args)

    return inner


def _starts_others(devices: int) -> bool:
    """Whether this process is the one that was typed, and more than one are asked for."""
    if devices < 1:
        raise UsageError(f"--devices {devices}: it is 1 or more")
    if devices == 1 or LAUNCHED in os.environ:
        return False
    if seat() is not None:
        raise UsageError("torchrun or SLURM has started these processes already: leave --devices out")
    return True
