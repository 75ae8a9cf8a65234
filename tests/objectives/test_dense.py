import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.dense import cell_distances, cells, pixel_consistency, pixel_propagation

VIEW = (14, 28)
GRID = (2, 4)


def frame_of(box: tuple[float, float, float, float], mirrored: bool) -> Tensor:
    """Frame of a crop (left, top, right, bottom) in image pixels that fills the view."""
    left, top, right, bottom = box
    if mirrored:
        left, right = right, left
    return torch.tensor(
        [[(right - left) / VIEW[1], 0, left], [0, (bottom - top) / VIEW[0], top]], dtype=torch.float64
    )


def slow_distances(box1: list[float], box2: list[float], size: tuple[int, int]) -> Tensor:
    """As the paper has it: boxes (x1, y1, x2, y2) in image units, x1 and x2 swapped where mirrored."""
    (height, width), (rows, columns) = size, GRID

    def grid(box: list[float]) -> tuple[list[tuple[float, float]], float]:
        x1, y1, x2, y2 = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        w, h = (x2 - x1) / columns, (y2 - y1) / rows
        centres = [(x1 + (j + 0.5) * w, y1 + (i + 0.5) * h) for i in range(rows) for j in range(columns)]
        return centres, math.sqrt(w**2 + h**2)

    (centres1, diagonal1), (centres2, diagonal2) = grid(box1), grid(box2)
    return torch.tensor(
        [[math.dist(a, b) / max(diagonal1, diagonal2) for b in centres2] for a in centres1],
        dtype=torch.float64,
    )


box = st.tuples(st.floats(0, 40), st.floats(0, 40), st.floats(1, 40), st.floats(1, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(max_examples=50)
@given(one=box, other=box, mirrored1=st.booleans(), mirrored2=st.booleans())
def test_distances_are_the_papers(one, other, mirrored1: bool, mirrored2: bool) -> None:
    size = (60, 90)
    frames = [frame_of(one, mirrored1)[None], frame_of(other, mirrored2)[None]]
    first, second = (cells(frame, torch.tensor([size]), VIEW, GRID) for frame in frames)
    boxes = [
        [b[2], b[1], b[0], b[3]] if mirrored else list(b)
        for b, mirrored in ((one, mirrored1), (other, mirrored2))
    ]
    expected = slow_distances(*boxes, size)
    torch.testing.assert_close(cell_distances(first, second)[0], expected, rtol=1e-7, atol=1e-6)


def test_a_mirrored_view_meets_itself_mirrored() -> None:
    box = (10.0, 10.0, 38.0, 24.0)
    size = torch.tensor([[50, 50]])
    straight, mirrored = (cells(frame_of(box, m)[None], size, VIEW, GRID) for m in (False, True))
    nearest = cell_distances(straight, mirrored)[0].view(2, 4, 2, 4)
    for row in range(2):
        for column in range(4):
            assert nearest[row, column, row, 3 - column].item() == pytest.approx(0, abs=1e-6)


def test_the_whole_image_spans_zero_to_one() -> None:
    whole = cells(frame_of((0, 0, 90, 60), False)[None], torch.tensor([[60, 90]]), VIEW, GRID)
    assert whole.centre[0, 0].tolist() == pytest.approx([0.125, 0.25])
    assert whole.centre[0, -1].tolist() == pytest.approx([0.875, 0.75])


def slow_propagation(x: Tensor, values: Tensor, gamma: float) -> Tensor:
    """Equation 3 of arXiv:2011.10043, values at unit length."""
    batch, width, height, length = x.shape
    y = []
    for image in range(batch):
        cells_x, cells_v = x[image].reshape(width, -1).T, values[image].reshape(width, -1).T
        for i in cells_x:
            total = torch.zeros(width, dtype=torch.float64)
            for j, value in zip(cells_x, cells_v, strict=True):
                alike = torch.clamp(i @ j / (i.norm() * j.norm()), min=0) ** gamma
                total = total + alike * value / value.norm()
            y.append(total)
    return torch.stack(y).view(batch, height, length, width).permute(0, 3, 1, 2)


@settings(max_examples=15)
@given(
    batch=st.integers(1, 2),
    width=st.integers(2, 4),
    height=st.integers(1, 3),
    length=st.integers(1, 3),
    gamma=st.sampled_from([1.0, 2.0, 3.0]),
    seed=st.integers(0, 999),
)
def test_pixel_propagation_is_its_definition(
    batch: int, width: int, height: int, length: int, gamma: float, seed: int
) -> None:
    assert_same(
        lambda x, v: pixel_propagation(x, v, gamma),
        lambda x, v: slow_propagation(x, v, gamma),
        draw(batch, width, height, length, seed=seed),
        draw(batch, width, height, length, seed=seed + 1),
    )


def test_gradients_stay_finite_for_a_flat_power() -> None:
    x = torch.eye(2).view(1, 2, 1, 2).requires_grad_(True)  # cells at right angles: cosine 0
    pixel_propagation(x, x, 0.5).sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()


def slow_consistency(y: Tensor, keys: Tensor, positive: Tensor) -> Tensor:
    losses = []
    for image in range(len(y)):
        cells_y, cells_k = y[image].flatten(1).T, keys[image].flatten(1).T
        total, pairs = 0 * (y.sum() + keys.sum()), 0
        for i, a in enumerate(cells_y):
            for j, b in enumerate(cells_k):
                if positive[image, i, j]:
                    total, pairs = total - a @ b / (a.norm() * b.norm()), pairs + 1
        losses.append(total / max(pairs, 1))
    return torch.stack(losses).mean()


@settings(max_examples=15)
@given(batch=st.integers(1, 3), side=st.integers(1, 3), seed=st.integers(0, 999))
def test_pixel_consistency_is_its_definition(batch: int, side: int, seed: int) -> None:
    positive = draw(batch, side**2, side**2, seed=seed) > 0
    assert_same(
        lambda y, k: pixel_consistency(y, k, positive),
        lambda y, k: slow_consistency(y, k, positive),
        draw(batch, 3, side, side, seed=seed + 1),
        draw(batch, 3, side, side, seed=seed + 2),
    )


def test_views_without_a_common_place_cost_nothing_but_count() -> None:
    y = draw(2, 3, 2, 2, seed=0)
    positive = torch.zeros(2, 4, 4, dtype=torch.bool)
    positive[0] = torch.eye(4, dtype=torch.bool)
    assert pixel_consistency(y, y, positive).item() == pytest.approx(-0.5)
    assert pixel_consistency(y, y, torch.zeros_like(positive)).item() == 0


def test_autocast_does_not_touch_the_frames() -> None:
    size = torch.tensor([[50, 50]])
    one, other = frame_of((0.3, 0.7, 31, 29), False)[None], frame_of((5.1, 2.2, 41, 17), True)[None]

    def distances() -> Tensor:
        return cell_distances(*(cells(frame.float(), size, VIEW, GRID) for frame in (one, other)))

    exact = distances()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(distances(), exact)
