"""PixPro: cells of two views that look at the same place must agree, after smoothing one of them."""

from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.encoder import Encoder
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, mlp, pixel_mlp
from twofold.nn.norm import synchronise
from twofold.nn.teacher import Teacher, cosine_momentum
from twofold.objectives.dense import cell_distances, cells, pixel_consistency, pixel_propagation
from twofold.objectives.regression import cosine_regression
from twofold.views import recipes


class PixPro(Method):
    """PixPro, Xie et al., CVPR 2021, arXiv:2011.10043: propagate yourself, pixel by pixel.

    Cells of the last feature map are embedded. Those of one view, smoothed by the cells like them
    (pixel propagation), predict the moving average's embedding of the cells of the other view that
    lie at the same place of the image.

    Args:
        make_encoder: Builds the encoder.
        momentum: Momentum of the key encoder at the start; it rises to 1.
        gamma: Sharpness of pixel propagation.
        threshold: Largest distance of a positive pair, in diagonals of a cell.
        hidden: Units of the hidden layer of the projection; 0 for none, a list for any.
        dim: Length of the embedding x of a cell; 0 for no projection.
        instance: Weight of a BYOL-type loss on the pooled features, with a projector and a predictor
            of its own; 0 for none. With 1 the features serve classification too.

    Traps:
        - Pairs are found in the coordinates of the image, as shares of its sides: where it is not square,
          distances along its longer side count less.
        - Similarities are cut off at 0 before they are raised to gamma.
        - Images whose views do not overlap give nothing, and stay in the mean over the batch.
        - What is propagated is the online branch alone, and its result is brought to unit length.
        - Under plain SGD, at rates from 0.025 to 0.2, the embeddings of all cells became one within a hundred
          steps on small images, and the features learned nothing of them; under LARS, the paper's, they
          stayed apart.
        - `--compile` reaches the heads alone: cells come from the encoder's ``grid``, which is not compiled.

    Published:
        - Pascal VOC, detection, ResNet-50-C4, 100 epochs, AP: 58.8
        - Pascal VOC, detection, ResNet-50-C4, 400 epochs, AP: 60.2
        - COCO, detection, ResNet-50-FPN, 400 epochs, with the instance branch, AP: 41.4
    """

    encoder: Encoder
    views = recipes.D
    fed_by: ClassVar = dict.fromkeys(("projector", "transform", "instance_projector", "instance_predictor"))
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "lars_out",
            "lr": 1.0,
            "weight_decay": 1e-5,
            "warmup_epochs": 5,
            "batch_size": 1024,
            "epochs": 100,
        },
        "small": {
            "momentum": 0.97,
            "hidden": 512,
            "dim": 128,
            "instance": 1.0,
            "recipe": recipes.B,
            "batch_size": 128,
            "optimizer": "lars",
            "lr": 8.0,
            "warmup": 0.2,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        momentum: float = 0.99,
        gamma: float = 2.0,
        threshold: float = 0.7,
        hidden: Hidden = 4096,
        dim: int = 256,
        instance: float = 0.0,
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.gamma = gamma
        self.threshold = threshold
        self.instance = instance
        self.encoder = encoder = make_encoder()
        width = dim or encoder.map_width
        self.projector = pixel_mlp(encoder.map_width, hidden, dim)
        self.transform = nn.Conv2d(width, width, 1)
        students: dict[str, nn.Module] = {"encoder": self.encoder, "projector": self.projector}
        if instance:
            self.instance_projector = mlp(encoder.map_width, hidden, dim)
            self.instance_predictor = mlp(width, hidden, width)
            students["instance_projector"] = self.instance_projector
        self.teacher = Teacher(**students)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Consistency of cells at the same place, in both directions."""
        view1, view2 = batch.views
        map1, map2 = self.encoder.grid(view1.pixels), self.encoder.grid(view2.pixels)
        with torch.no_grad():
            keys1 = self.teacher.encoder.grid(view1.pixels)
            keys2 = self.teacher.encoder.grid(view2.pixels)
        near = self._same_place(batch, (map1.shape[2], map1.shape[3]))
        x1, x2 = self.projector(map1), self.projector(map2)
        # the released code's scale: pixel and instance terms then weigh the same
        loss = 2 * (self._pixel_loss(x1, keys2, near) + self._pixel_loss(x2, keys1, near.mT))
        if self.instance:
            both = self._instance_loss(map1, keys2) + self._instance_loss(map2, keys1)
            loss = loss + self.instance * both
        pairs = near.sum(dim=(1, 2)).float().mean()
        pooled = {"embedding": _pool(map1).detach(), "positive": _pool(map2).detach()}
        return Step(loss, {**pooled, "positive_pairs": pairs})

    def _same_place(self, batch: Batch, grid: tuple[int, int]) -> Bool[Tensor, "b n n"]:
        one, other = (
            cells(view.frame, batch.size, (view.pixels.shape[-2], view.pixels.shape[-1]), grid)
            for view in batch.views
        )
        return cell_distances(one, other) < self.threshold

    def _pixel_loss(
        self, x: Float[Tensor, "b d h w"], keys: Float[Tensor, "b c h w"], near: Bool[Tensor, "b n n"]
    ) -> Float[Tensor, ""]:
        y = pixel_propagation(x, self.transform(x), self.gamma)
        with torch.no_grad():
            x_key = self.teacher.projector(keys)
        return pixel_consistency(y, x_key, near)

    def _instance_loss(
        self, grid: Float[Tensor, "b c h w"], keys: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, ""]:
        q = self.instance_predictor(self.instance_projector(_pool(grid)))
        with torch.no_grad():
            z = self.teacher.instance_projector(_pool(keys))
        return cosine_regression(q, z)

    def after_step(self, progress: Progress) -> None:
        """The key encoder follows, ever more slowly."""
        self.teacher.follow(cosine_momentum(self.momentum, progress))

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The projection of cells, the transformation of pixel propagation, heads of the instance loss."""
        heads: dict[str, nn.Module] = {"projector": self.projector, "transform": self.transform}
        if self.instance:
            heads["instance_projector"] = self.instance_projector
            heads["instance_predictor"] = self.instance_predictor
        return heads


def _pool(grid: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c"]:
    """The mean of all cells: of networks that pool tokens, the map is all that both branches share."""
    return grid.mean(dim=(2, 3))
