"""What takes the steps that are timed."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arm:
    """How steps are taken.

    Args:
        ours: By Twofold's engine, optimiser and memory; else by plain PyTorch.
        precision: Of the networks.
        compiled: Whether the encoder is compiled.
        processes: That share the batch and the cores.
    """

    ours: bool
    precision: str
    compiled: bool = False
    processes: int = 1


ARMS = {
    "plain fp32": Arm(False, "fp32"),
    "plain bf16": Arm(False, "bf16"),
    "twofold": Arm(True, "bf16"),
    "twofold, compiled": Arm(True, "bf16", compiled=True),
    "twofold, 2 processes": Arm(True, "bf16", processes=2),
    "twofold, 2 compiled": Arm(True, "bf16", compiled=True, processes=2),
}


class Stepper:
    """Takes steps on the same random images.

    Args:
        arm: How.
        encoder: Name of the encoder.
        batch: Images of this process.
        side: Of the images in pixels.
        threads: Of this process.
    """

    def __init__(self, arm: Arm, encoder: str, batch: int, side: int, threads: int) -> None:
        import torch

        torch.manual_seed(0)
        began = time.perf_counter()
        self.images = torch.rand(batch, 3, side, side)
        self.step: Callable[[], Any] = (ours if arm.ours else plain)(arm, encoder, side, threads, self.images)
        for _ in range(3):
            self.step()
        self.start_seconds = time.perf_counter() - began

    def images_per_second(self, seconds: float) -> tuple[float, float]:
        """Of this process, and its minor page faults a step."""
        self.step()
        faults, start, steps, taken = self.faults(), time.perf_counter(), 0, 0.0
        while taken < seconds:
            self.step()
            steps += 1
            taken = time.perf_counter() - start
        return len(self.images) * steps / taken, (self.faults() - faults) / steps

    def steps_in(self, steps: int) -> float:
        """Seconds of so many steps; for processes that wait for each other."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return time.perf_counter() - start

    @staticmethod
    def faults() -> int:
        """Minor page faults of this process so far."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    def operations(self) -> float:
        """Floating-point operations of one step's products, a fused multiply-add counted as two."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.step()
        return float(counter.get_total_flops())


def plain(arm: Arm, name: str, side: int, threads: int, images: Any) -> Callable[[], Any]:
    """What a PyTorch user writes who knows of autocast and channels-last."""
    import torch

    from twofold.nn.encoder import Encoder

    torch.set_num_threads(threads)
    encoder = Encoder(name, size=side).backbone
    half = arm.precision == "bf16"
    if half:
        encoder = encoder.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            h = encoder(images)
        h.float().square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def ours(arm: Arm, name: str, side: int, threads: int, images: Any) -> Callable[[], Any]:
    """The same through Twofold's engine."""
    from twofold.core import dist
    from twofold.nn.encoder import Encoder
    from twofold.nn.norm import synchronise
    from twofold.train.engine import Engine
    from twofold.train.optim import OptimizerSpec, make_optimizer

    engine = Engine.start(arm.precision, threads=threads, compiled=arm.compiled)  # type: ignore[arg-type]
    encoder = Encoder(name, size=side)
    synchronise(encoder)
    encoder = engine.place(encoder)
    spec = OptimizerSpec(lr=1e-3)
    optimizer = make_optimizer(spec, [{"params": list(encoder.parameters())}])

    def step() -> None:
        with engine.autocast():
            h = encoder(images)
        h.float().square().mean().backward()
        dist.average_gradients(encoder.parameters())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step
