"""Processes of their own, so that threads, memory and groups are set for one arm alone."""

import importlib
import multiprocessing
import os
import tempfile
from multiprocessing.connection import Connection
from typing import Any

from step_speed.arms import Arm, Stepper

_SPAWN = multiprocessing.get_context("spawn")


class Team:
    """The one or more processes of an arm, waiting between its rounds."""

    def __init__(self, arm: Arm, encoder: str, batch: int, side: int) -> None:
        self.batch, self.pipes, self.processes = batch, [], []
        self._folder = tempfile.TemporaryDirectory()
        cores = sorted(os.sched_getaffinity(0))
        share = len(cores) // arm.processes
        for rank in range(arm.processes):
            here, there = _SPAWN.Pipe()
            own = cores[rank * share : (rank + 1) * share]
            job = (arm, encoder, batch // arm.processes, side)
            process = _SPAWN.Process(target=_serve, args=(there, job, rank, own, self._folder.name))
            process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)
        self.start_seconds = max(self._ask("start_seconds"))
        self._pace = 0.0

    def images_per_second(self, seconds: float) -> tuple[float, float]:
        """Over the batch of all processes, and minor page faults a step of one of them."""
        if len(self.pipes) == 1:
            return self._ask("images_per_second", seconds)[0]  # type: ignore[no-any-return]
        # each takes the same number of steps, for they wait for each other
        pace = self._pace or self.batch * 2 / max(self._ask("steps_in", 2))
        steps = max(1, round(seconds * pace / self.batch))
        before = self._ask("faults")
        self._pace = self.batch * steps / max(self._ask("steps_in", steps))
        after = self._ask("faults")
        return self._pace, max(b - a for a, b in zip(before, after, strict=True)) / steps

    def operations(self) -> float:
        """Of one step of the first process."""
        return float(self._ask("operations")[0])

    def stop(self) -> None:
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join()
        self._folder.cleanup()

    def _ask(self, what: str, *arguments: Any) -> list[Any]:
        for pipe in self.pipes:
            pipe.send((what, arguments))
        return [pipe.recv() for pipe in self.pipes]


def alone(module: str, function: str, *arguments: Any, threads: int) -> Any:
    """What a function returns in a fresh process."""
    with _SPAWN.Pool(1, initializer=_allow, initargs=(threads,)) as pool:
        return pool.apply(_call, (module, function, arguments))


def _allow(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)


def _call(module: str, function: str, arguments: tuple[Any, ...]) -> Any:
    return getattr(importlib.import_module(module), function)(*arguments)


def _serve(
    parent: Connection, job: tuple[Arm, str, int, int], rank: int, cores: list[int], folder: str
) -> None:
    os.sched_setaffinity(0, cores)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    arm = job[0]
    if arm.processes > 1:
        import torch.distributed as group

        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        group.init_process_group(
            "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=arm.processes
        )
    stepper = Stepper(*job, threads=len(cores))
    while True:
        try:
            what, arguments = parent.recv()
        except EOFError:
            os._exit(0)  # threads of libraries need no farewell
        answer = getattr(stepper, what)
        parent.send(answer(*arguments) if callable(answer) else answer)
