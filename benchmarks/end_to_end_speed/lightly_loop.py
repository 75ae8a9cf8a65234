"""SimCLR as lightly's documentation has it for plain PyTorch, with Twofold's encoder and settings.

https://docs.lightly.ai/self-supervised-learning/examples/simclr.html: its data set, transform, loss, head
and loop. The optimiser has momentum, decay and a schedule here, for Twofold's has.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from judge import Judge
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms.simclr_transform import SimCLRTransform
from torch import nn

from twofold.core.batch import Progress
from twofold.nn.encoder import Encoder
from twofold.train.optim import OptimizerSpec, set_rates

BATCH, SIDE, WARM_UP = 256, 32, 8
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)


class SimCLR(nn.Module):
    """Encoder and head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Encoder("resnet18_w16", size=SIDE).backbone  # the transform normalises
        self.projection_head = SimCLRProjectionHead(self.backbone.num_features, 512, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection_head(self.backbone(x))  # type: ignore[no-any-return]


def main() -> None:
    wanted = arguments()
    torch.manual_seed(0)
    transform = SimCLRTransform(
        input_size=SIDE,
        cj_strength=0.5,
        gaussian_blur=0.0,
        normalize={"mean": list(MEAN), "std": list(STD)},
    )
    dataset = LightlyDataset(str(wanted.images / "train"), transform=transform)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=wanted.workers,
        persistent_workers=wanted.workers > 0,
    )
    model = SimCLR()
    if wanted.helped:
        model = model.to(memory_format=torch.channels_last)
    criterion = NTXentLoss(temperature=0.2)
    spec = OptimizerSpec(lr=0.3)
    optimizer = torch.optim.SGD(model.parameters(), lr=spec.lr, momentum=0.9, weight_decay=spec.weight_decay)
    per_epoch = len(loader)
    judge = Judge(wanted.images, SIDE, MEAN, STD) if wanted.until else None

    seconds, stamps, looks = 0.0, [time.perf_counter()], []
    began = time.perf_counter()
    for step, views in enumerate(_forever(loader)):
        order = torch.channels_last if wanted.helped else torch.contiguous_format
        x0, x1 = (view.contiguous(memory_format=order) for view in views)
        set_rates(
            optimizer, spec, Progress(step, wanted.epochs * per_epoch, step // per_epoch, wanted.epochs)
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=wanted.helped):
            z0, z1 = model(x0), model(x1)
        loss = criterion(z0.float(), z1.float())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        stamps.append(time.perf_counter())
        if judge is None:
            if stamps[-1] - began > wanted.seconds and step > WARM_UP:
                break
        elif (step + 1) % per_epoch == 0:
            seconds += time.perf_counter() - began
            looks.append(
                {"epoch": (step + 1) // per_epoch, "minutes": seconds / 60, "knn": judge(model.backbone)}
            )
            print(looks[-1], file=sys.stderr, flush=True)
            if 100 * looks[-1]["knn"] >= wanted.until or seconds / 60 > wanted.limit:
                break
            began = time.perf_counter()
    steady = stamps[WARM_UP:]
    pace = BATCH * (len(steady) - 1) / (steady[-1] - steady[0])
    print(json.dumps({"looks": looks} if looks else {"images_per_second": pace}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--helped", action="store_true", help="bf16 and channels-last")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--until", type=float)
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--epochs", type=int, default=30)
    return parser.parse_args()


def _forever(loader: Any) -> Iterator[Any]:
    while True:
        for batch in loader:
            yield batch[0]


if __name__ == "__main__":
    main()
