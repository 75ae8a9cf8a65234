"""Each arm runs in a process of its own, so that cores, threads and kernels can be set for it alone."""

import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from multiprocessing.connection import Connection
from typing import Any

from twofold.train.engine import keep_freed_memory
from view_speed.job import InOrder, Job, Shuffled
from view_speed.recipe import Recipe


class Failed(Exception):  # noqa: N818  (an outcome that is reported, no error of the benchmark)
    """Why an arm has no figure."""


class Arm:
    """One arm, waiting in its process between its rounds."""

    def __init__(self, job: Job, recipe: Recipe) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(there, job, recipe))
        self._process.start()
        there.close()
        self.version: str = self.ask("version")

    def ask(self, what: str, *arguments: Any) -> Any:
        """What the arm answers.

        Raises:
            Failed: If it cannot: a library is missing, or something went wrong in it.
        """
        try:
            self._here.send((what, arguments))
            well, answer = self._here.recv()
        except (EOFError, BrokenPipeError):
            raise Failed("its process ended") from None
        if not well:
            self.stop()
            raise Failed(answer)
        return answer

    def stop(self) -> None:
        self._here.close()
        self._process.join()


def _serve(parent: Connection, job: Job, recipe: Recipe) -> None:
    os.sched_setaffinity(0, job.cores)
    os.environ.update(job.environment, OMP_NUM_THREADS=str(len(job.cores)))
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    sys.stdout = sys.stderr
    keep_freed_memory()  # as Twofold's training does; it helps the other libraries too
    server: Server | None = None
    while True:
        try:
            what, arguments = parent.recv()
        except EOFError:
            os._exit(0)  # loading processes and threads of libraries need no farewell
        try:
            server = server or Server(job, recipe)
            parent.send((True, getattr(server, what)(*arguments)))
        except Exception as error:
            line = (str(error).strip().splitlines() or [""])[0]
            parent.send((False, f"{type(error).__name__}: {line}"))


class Server:
    """Answers the questions that are its methods."""

    def __init__(self, job: Job, recipe: Recipe) -> None:
        import torch

        torch.set_num_threads(len(job.cores))
        self.job, self.recipe = job, recipe
        self.arm = importlib.import_module(f"view_speed.arms.{job.arm}")
        self._total = len(job.images() if job.files is None else job.paths())
        self._running: Iterator[Any] | None = None

    def version(self) -> str:
        return version(self.arm.PACKAGE)

    def departs(self) -> str:
        """How the library's augmentation is known to be another one; empty where it is not."""
        return getattr(self.arm, "DEPARTS", "")

    def views_per_second(self, seconds: float) -> float:
        """Over as many batches as it takes; those that were made ahead before are not counted."""
        if self._running is None:
            self._running = iter(
                self.arm.batches(self.job, self.recipe, Shuffled(self._total, self.job.batch))
            )
        for _ in range(1 + 2 * self.job.workers):
            next(self._running)
        return self._timed(self._running, seconds)

    def seconds_of(self, recipe: Recipe, seconds: float) -> float:
        """Seconds a view of another recipe."""
        batches = iter(self.arm.batches(self.job, recipe, Shuffled(self._total, self.job.batch)))
        next(batches)
        return 1 / self._timed(batches, seconds)

    def _timed(self, batches: Iterator[Any], seconds: float) -> float:
        start, count = time.perf_counter(), 0
        while True:
            next(batches)
            count += 1
            taken = time.perf_counter() - start
            if taken >= seconds:
                return 2 * self.job.batch * count / taken

    def statistics(self, views: int) -> dict[str, tuple[float, float]]:
        """What the views are like, on about so many of them."""
        from view_speed.agreement import statistics

        count = max(1, views // (2 * self.job.batch))

        def some(recipe: Recipe) -> Iterator[Any]:
            return iter(self.arm.batches(self.job, recipe, InOrder(self._total, self.job.batch)))

        return statistics(some, self.recipe, count, single=self.job.files is None)

    def costs(self, seconds: float) -> dict[str, Any]:
        """Twofold only: where the time of a view goes, and how much work there is in it."""
        from view_speed.costs import costs

        return costs(self.job, self.recipe, self._total, lambda recipe: self.seconds_of(recipe, seconds))
