"""Devices, precision, threads, memory and seeds: plain PyTorch."""

import ctypes
import os
import random
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.errors import UsageError
from twofold.core.precision import multiplies_bf16
from twofold.core.processes import Seat, seat, usable_cores
from twofold.nn.encoder import Encoder

Precision = Literal["auto", "fp32", "bf16"]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Engine:
    """Where and how tensors are computed.

    Args:
        device: ``cpu`` or ``cuda``; of several processes each has a GPU of its own, ``cuda:1``.
        precision: ``fp32`` or ``bf16``, resolved.
        threads: Threads inside one operation of this process.
        compiled: Whether encoders are compiled: half a minute or more at the start, faster steps after it.
        to_measure: Whether the precision is only what the processor's kind suggests (see ``precision.py``).
    """

    device: torch.device
    precision: Literal["fp32", "bf16"]
    threads: int
    compiled: bool = False
    to_measure: bool = False

    @classmethod
    def start(
        cls,
        precision: Precision = "auto",
        device: str = "auto",
        threads: int | None = None,
        *,
        compiled: bool = False,
    ) -> "Engine":
        """Resolves what is ``auto``, fixes the thread count and keeps freed memory in the process.

        Processes of one machine share its cores evenly, and all compute at the same precision.

        Raises:
            UsageError: If not even one thread is asked for, or there are fewer GPUs than processes.
        """
        if threads is not None and threads < 1:
            raise UsageError(f"--threads {threads}: it is 1 or more")
        own = seat()
        if device == "auto":
            device = _own_gpu(own) if torch.cuda.is_available() else "cpu"
        place = torch.device(device)
        resolved: Literal["fp32", "bf16"]
        resolved = fast_precision(place) if precision == "auto" else precision
        if dist.anyone(resolved == "fp32"):
            resolved = "fp32"
        cores = usable_cores() // (own.local_size if own else 1)
        count = threads or max(1, cores)
        torch.set_num_threads(count)
        keep_freed_memory()
        if place.type == "cuda":
            repeat_exactly()
        to_measure = precision == "auto" and place.type == "cpu" and resolved == "bf16"
        return cls(place, resolved, count, compiled, to_measure)

    @property
    def ahead(self) -> int:
        """Batches made in the background; on a CPU they and the model would fight for the same cores."""
        return 0 if self.device.type == "cpu" else 2

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision for the networks; objectives and statistics stay in float32."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bf16", cache_enabled=False
        )

    def judging(self) -> AbstractContextManager[object]:
        """For looks at an encoder between steps: as in training, but nothing is compiled for them."""
        stack = ExitStack()
        if self.compiled:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(self.autocast())
        return stack

    def place(self, module: M) -> M:
        """The module on this device, its encoders in the memory order that suits them, compiled if asked."""
        module = module.to(self.device)
        for part in module.modules():
            if isinstance(part, Encoder):
                part.to(memory_format=part.layout)
                if self.compiled:
                    part.compile()
        return module


def _own_gpu(own: Seat | None) -> str:
    """The GPU of this process."""
    if own is None:
        return "cuda"
    count = torch.cuda.device_count()
    if own.local_size > count:
        raise UsageError(f"{own.local_size} processes need a GPU each, and this machine has {count}")
    index = own.local_rank % count  # of SLURM's tasks each may see but its own
    torch.cuda.set_device(index)
    return f"cuda:{index}"


def fast_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    """bf16 where the processor multiplies it in hardware (AMX, AVX512-BF16, tensor cores)."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if multiplies_bf16() else "fp32"


def keep_freed_memory() -> None:
    """Tells glibc to reuse freed activations rather than return them to the system.

    Every step frees and takes hundreds of megabytes; the page faults of fresh memory cost a third of
    a step on a CPU. Elsewhere than on glibc this does nothing.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_threshold = -1, -3
        mallopt(m_mmap_threshold, 1 << 30)
        mallopt(m_trim_threshold, (1 << 31) - 1)


def repeat_exactly() -> None:
    """Has a GPU give the same bits every time, where torch knows how.

    An operation that torch has no such form of is used all the same, and torch warns of it. Fresh memory is
    not filled, as torch would here by default: nothing reads it.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at the first product of matrices
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def seed_everything(seed: int) -> None:
    """Seeds Python, numpy and torch: initial weights and whatever a method draws."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Of torch's generators: the processor's and, where that is the device, the GPU's."""
    state = {"random": torch.get_rng_state()}
    if device.type == "cuda":
        state["random_on_gpu"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Goes back to what ``random_state`` returned; a state kept on a CPU leaves the GPU's as it is."""
    torch.set_rng_state(state["random"])
    if device.type == "cuda" and "random_on_gpu" in state:
        torch.cuda.set_rng_state(state["random_on_gpu"], device)
