import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tiny
from twofold.core.batch import Batch
from twofold.core.method import Method
from twofold.methods.pixpro import PixPro
from twofold.nn.encoder import Encoder


def make(**changes: object) -> Method:
    return tiny.make_method("pixpro", torch.float64, **{"instance": 0.0, **changes})


def with_frames(batch: Batch, first: Tensor, second: Tensor) -> Batch:
    frames = (frame.expand(tiny.COUNT, 2, 3) for frame in (first, second))
    views = tuple(view._replace(frame=frame) for view, frame in zip(batch.views, frames, strict=True))
    return batch._replace(views=views)


def frame(left: float, side: float) -> Tensor:
    scale = side / tiny.SIDE
    return torch.tensor([[scale, 0, left], [0, scale, 0]])


def test_the_papers_sizes_are_the_defaults() -> None:
    method = PixPro(tiny.make_encoder)
    assert (method.projector[0].out_channels, method.projector[3].out_channels) == (4096, 256)
    assert (method.gamma, method.threshold, method.momentum) == (2, 0.7, 0.99)
    assert method.instance == 0


def test_frames_decide_which_cells_must_agree() -> None:
    method = make(threshold=0.5)  # of 2x2 cells, neighbours lie further apart than half a diagonal
    batch = tiny.make_batch(method, dtype=torch.float64)

    def seen(first: Tensor, second: Tensor) -> tuple[float, float]:
        step = method(with_frames(batch, first, second), tiny.progress(0))
        return step.seen["positive_pairs"].item(), step.loss.item()

    assert seen(frame(0, 10), frame(20, 10)) == (0, 0)  # nothing in common: nothing to learn
    pairs, loss = seen(frame(0, 10), frame(0, 10))
    assert pairs == 4 and loss != 0
    assert seen(frame(0, 10), frame(5, 10))[0] == 2  # shifted by one cell


def test_the_image_size_scales_the_distances() -> None:
    """Along x and y in units of the image's width and height: in a wide image x counts less."""
    method = make(threshold=0.75)
    batch = tiny.make_batch(method, dtype=torch.float64)
    pairs = []
    for size in ([24, 24], [24, 240]):
        sized = with_frames(batch, frame(0, 10), frame(0, 10))._replace(
            size=torch.tensor(size).expand(tiny.COUNT, 2)
        )
        pairs.append(method(sized, tiny.progress(0)).seen["positive_pairs"].item())
    assert pairs == [12, 8]


def test_both_views_play_the_same_part_and_the_loss_has_the_released_range() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    loss = method(batch, tiny.progress(0)).loss
    mirrored = method(batch._replace(views=batch.views[::-1]), tiny.progress(0)).loss
    assert loss.item() == pytest.approx(mirrored.item())
    assert -4 <= loss <= 4


def test_the_instance_branch_adds_its_own_heads_and_loss() -> None:
    without, with_branch = make(), make(instance=1.0)
    batch = tiny.make_batch(without, dtype=torch.float64)
    torch.manual_seed(0)
    more = set(with_branch.state_dict()) - set(without.state_dict())
    assert {key.split(".")[0] for key in more} == {"instance_projector", "instance_predictor", "teacher"}
    apart = with_frames(batch, frame(0, 10), frame(20, 10))
    assert 0 < with_branch(apart, tiny.progress(0)).loss < 8


def test_bf16_does_not_move_the_cells() -> None:
    method = tiny.make_method("pixpro")
    batch = tiny.make_batch(method)
    exact = method(batch, tiny.progress(0)).seen["positive_pairs"]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(method(batch, tiny.progress(0)).seen["positive_pairs"], exact)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_it_learns_from_the_map_where_features_are_no_mean_of_it(name: str) -> None:
    encoder = Encoder(name, size=64)
    method = PixPro(lambda: encoder, hidden=16, dim=8, instance=1.0)
    batch = tiny.make_batch(method)
    larger = tuple(view._replace(pixels=F.interpolate(view.pixels, size=64)) for view in batch.views)
    step = method(batch._replace(views=larger), tiny.progress(0))
    step.loss.backward()
    assert method.projector[0].in_channels == step.seen["embedding"].shape[1] == encoder.map_width
    assert all(p.grad is not None for p in method.instance_projector.parameters())
    assert {"instance_projector", "instance_predictor"} <= method.parts().keys()
