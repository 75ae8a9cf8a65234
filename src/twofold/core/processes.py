"""Which of several processes this one is, as whoever started it tells: torchrun, SLURM or ``--devices``."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

LAUNCHED = "TWOFOLD_LAUNCHED"
"""In the processes that ``--devices`` has started, the number of the one that started them."""

RESUMED = " (a training goes on with: twofold pretrain --resume RUN)"
"""Said of a process that could not say anything itself, whatever the command."""

GO_ON = f", perhaps killed for the memory it took{RESUMED}"
"""The same where it may have been killed by the system."""

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")

_PORTS = range(20_000, 32_000)
"""Below the ports that systems give out by themselves."""


@dataclass(frozen=True)
class Seat:
    """The place of a process among others.

    Args:
        rank: Its number among all of them, from 0.
        size: How many there are.
        local_rank: Its number among those of its machine.
        local_size: How many share the cores and GPUs that it sees.
        address: Host of the first one.
        port: Where they meet on that host.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str
    port: int


def seat(environment: Mapping[str, str] = os.environ) -> Seat | None:
    """The place that the environment gives to this process; None where it is alone."""
    if all(name in environment for name in _TORCHRUN):
        found = _from_torchrun(environment)
    elif "SLURM_STEP_NUM_TASKS" in environment:
        found = _from_slurm(environment)
    else:
        return None
    return found if found.size > 1 else None


def usable_cores() -> int:
    """How many cores this process may use."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(allowed)


def is_first() -> bool:
    """Whether this process speaks for all."""
    own = seat()
    return own is None or own.rank == 0


def _from_torchrun(environment: Mapping[str, str]) -> Seat:
    rank, size, local_rank = (int(environment[name]) for name in _TORCHRUN[:3])
    local_size = int(environment.get("LOCAL_WORLD_SIZE", 1))
    return Seat(
        rank, size, local_rank, local_size, environment["MASTER_ADDR"], int(environment["MASTER_PORT"])
    )


def _from_slurm(environment: Mapping[str, str]) -> Seat:
    """The tasks of one ``srun``.

    What tells of the job and not of the step, as SLURM_NTASKS does, is set in the shell of ``sbatch`` and
    ``salloc`` too, where one process would wait for others for ever. Cores and GPUs are those that SLURM
    binds to the task: they are its own.
    """
    job, step = int(environment["SLURM_JOB_ID"]), int(environment["SLURM_STEP_ID"])
    return Seat(
        rank=int(environment["SLURM_PROCID"]),
        size=int(environment["SLURM_STEP_NUM_TASKS"]),
        local_rank=int(environment["SLURM_LOCALID"]),
        local_size=1,
        address=_first_host(environment["SLURM_STEP_NODELIST"]),
        port=_PORTS[(job * 16 + step) % len(_PORTS)],
    )


def _first_host(nodes: str) -> str:
    """``rack2n07`` of ``rack2n[07-09,12],rack3n01``: SLURM puts the first task there."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first[0]) if first else nodes
