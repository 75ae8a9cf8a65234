"""How the papers train their linear classifiers, as data."""

from dataclasses import dataclass, replace
from typing import Literal

from twofold.train.optim import OptimizerSpec

FamilyName = Literal[
    "moco", "infomin", "simclr", "simsiam", "byol", "swav", "barlow", "vicreg", "moco_v3", "dino"
]

_PER = 256
"""Images a batch that a family's rate is for."""


@dataclass(frozen=True)
class Family:
    """One paper's linear evaluation on ImageNet.

    Args:
        paper: Its arXiv id.
        optimizer: How the weights move; ``lr`` is for batches of 256.
        batch_size: Images a batch.
        epochs: Passes over the images.
        of_transformers: The rate for vision transformers, where they have another one.
    """

    paper: str
    optimizer: OptimizerSpec
    batch_size: int
    epochs: int
    of_transformers: float | None = None

    def batch_for(self, images: int) -> int:
        """The batch where there are so many images: all of them if they are fewer than a batch."""
        return min(self.batch_size, images)

    def optimizer_for(self, batch_size: int, *, transformer: bool = False) -> OptimizerSpec:
        """The optimiser with its rate in proportion to the batch."""
        rate = self.of_transformers if transformer and self.of_transformers else self.optimizer.lr
        return replace(self.optimizer, lr=rate * batch_size / _PER)


def _moves(
    optimizer: Literal["sgd", "nesterov", "larc"],
    lr: float,
    weight_decay: float = 0.0,
    *,
    falls_after: tuple[float, ...] = (),
    by: float = 0.1,
) -> OptimizerSpec:
    """With momentum 0.9 and no warm-up: half a cosine, or steps after these shares of the training."""
    schedule: Literal["step", "cosine"] = "step" if falls_after else "cosine"
    return OptimizerSpec(
        optimizer, lr, weight_decay, warmup=0.0, schedule=schedule, drops=falls_after, drop=by
    )


_INFOMIN = _moves("sgd", 30.0, falls_after=(30 / 60, 40 / 60, 50 / 60), by=0.2)

FAMILIES: dict[FamilyName, Family] = {
    "moco": Family("1911.05722", _moves("sgd", 30.0, falls_after=(0.6, 0.8)), 256, 100),
    "infomin": Family("2005.10243", _INFOMIN, 256, 60),
    "simclr": Family("2002.05709", _moves("nesterov", 0.1), 4096, 90),
    "simsiam": Family("2011.10566", _moves("larc", 0.1), 4096, 90),
    "byol": Family("2006.07733", _moves("nesterov", 0.2), 1024, 80),
    "swav": Family("2006.09882", _moves("sgd", 0.3, 1e-6), 256, 100),
    "barlow": Family("2103.03230", _moves("sgd", 0.3, 1e-6), 256, 100),
    "vicreg": Family("2105.04906", _moves("sgd", 0.02, 1e-6), 256, 100),
    "moco_v3": Family("2104.02057", _moves("sgd", 0.1), 1024, 90, of_transformers=3.0),
    "dino": Family("2104.14294", _moves("sgd", 0.001), 1024, 100),
}
"""MoCo's also serves MoCo v2 and PixPro; InfoMin's its authors' runs of InstDisc, CMC and PIRL; SwAV's also
DeepCluster v2; DINO's also iBOT. SimCLR's may be LARS, too; SimSiam's LARS scales every parameter, and so the
biases. Of Barlow Twins' 0.1 to 0.3 the larger is taken, BYOL's and DINO's rates are one of a sweep."""
