from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

import tiny
from twofold.core.batch import Batch
from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.methods import w_mse
from twofold.objectives.whitening import whiten


def make(**changes: object) -> Method:
    return tiny.make_method("w_mse", torch.float64, **changes)


def four_views(method: Method) -> Batch:
    first, second = (tiny.make_batch(method, seed, torch.float64) for seed in range(2))
    return first._replace(views=first.views + second.views)


@pytest.fixture
def whitened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """What was whitened, before and after, in the order of the calls."""
    calls: list[tuple[Tensor, Tensor]] = []

    def watched(x: Tensor, shrink: float) -> Tensor:
        calls.append((x, whiten(x, shrink)))
        return calls[-1][1]

    monkeypatch.setattr(w_mse, "whiten", watched)
    return calls


def test_the_papers_sizes_are_the_defaults() -> None:
    method = w_mse.WMSE(tiny.make_encoder)
    assert [type(layer) for layer in method.projector] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert (method.projector[0].out_features, method.projector[3].out_features) == (1024, 128)
    assert method.sub_batch == 256 and method.shrink == 0
    cifar = w_mse.WMSE.presets["cifar10"]
    assert (cifar["dim"], cifar["sub_batch"]) == (64, 128)


def test_every_part_of_every_view_is_whitened_by_itself(whitened: list[tuple[Tensor, Tensor]]) -> None:
    method = make(dim=3, sub_batch=8)
    method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0))
    ((_, y),) = whitened
    assert y.shape == (2, 2, 8, 3)
    for part in y.flatten(0, 1):
        torch.testing.assert_close(torch.cov(part.T), torch.eye(3, dtype=torch.float64))


def test_all_views_are_divided_alike_and_otherwise_in_every_step(
    whitened: list[tuple[Tensor, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    twice = batch._replace(views=(batch.views[0], batch.views[0]))
    assert method(twice, tiny.progress(0)).loss.item() == pytest.approx(0, abs=1e-9)
    for step in (0, 1):
        method(twice, tiny.progress(step))
    (first, _), (again, _), (other, _) = whitened
    torch.testing.assert_close(first, again)
    assert not torch.allclose(again, other)
    everyone = [x[0].flatten(0, 1) for x in (again, other)]
    torch.testing.assert_close(*(rows[rows[:, 0].argsort()] for rows in everyone))  # no image twice


def test_the_loss_is_the_mean_over_all_pairs_of_views() -> None:
    method = make(dim=3, sub_batch=tiny.COUNT)
    batch = four_views(method)
    h = torch.cat([method.encoder(view.pixels) for view in batch.views])
    y = [nn.functional.normalize(whiten(z)) for z in method.projector(h).chunk(4)]
    pairs = [(2 - 2 * (a * b).sum(dim=1)).mean() for a, b in combinations(y, 2)]
    assert len(pairs) == 6
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(sum(pairs).item() / 6)


def test_the_loss_may_be_the_mean_over_several_divisions(whitened: list[tuple[Tensor, Tensor]]) -> None:
    method, several = make(), make(permutations=3)
    batch = tiny.make_batch(method, dtype=torch.float64)
    mean = several(batch, tiny.progress(0)).loss
    parts = [y.flatten(1, 2) for _, y in whitened]
    assert len(parts) == 3 and not torch.allclose(parts[0], parts[1])
    single = [(2 - 2 * nn.functional.cosine_similarity(a, b)).mean() for a, b in parts]
    assert mean.item() == pytest.approx(sum(single).item() / 3)
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(single[0].item())


def test_gradients_flow_on_both_sides_of_a_pair(whitened: list[tuple[Tensor, Tensor]]) -> None:
    method = make()
    loss = method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0)).loss
    (gradient,) = torch.autograd.grad(loss, whitened[0][0])
    assert all(view.any() for view in gradient)


def test_the_preset_of_imagenet_has_four_views() -> None:
    four, two = w_mse.WMSE.presets["imagenet"]["recipe"].expanded, w_mse.WMSE.views.expanded
    assert set(four) == set(two) and (len(four), len(two)) == (4, 2)


def test_too_few_embeddings_for_a_covariance_are_refused() -> None:
    with pytest.raises(UsageError, match="give --sub-batch 16 or more, or --dim 7 or less"):
        make(dim=8, sub_batch=15)


def test_a_batch_that_does_not_divide_is_refused() -> None:
    method = make(dim=4, sub_batch=12)
    with pytest.raises(UsageError, match="a batch of 16 does not divide into sub-batches of 12"):
        method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0))
