"""Small views beside the global ones: queries in every method that takes them, targets in none."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import tiny
from processes import in_processes
from twofold.core.batch import Batch
from twofold.core.method import Method
from twofold.core.recipe import Recipe
from twofold.nn.shuffle import shuffled_keys
from twofold.views import recipes

SMALL = {"local_count": 2, "local_scale": (0.1, 0.3), "local_side": 0.5}
PAIR = recipes.multi_crop(recipes.B, (0.2, 1.0), **SMALL)
ONE = recipes.multi_crop(recipes.single(recipes.LIGHT), (0.2, 1.0), **SMALL)
SMALL_FIRST = Recipe("small first", (*PAIR.views[::-1],))
TAKERS = ["simclr", "simclr_v2", "supervised", "moco_v1", "moco_v2", "moco_v3", "byol", "simsiam"]
PREDICTORS = ["moco_v3", "byol", "simsiam"]


def make(name: str, recipe: Recipe = PAIR, **changes: object) -> Method:
    return tiny.make_method(name, torch.float64, recipe=recipe, **changes)


def make_batch(method: Method) -> Batch:
    return tiny.make_batch(method, dtype=torch.float64)


def pixels(batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Of the global and of the small views, by their sizes."""
    x = [view.pixels for view in batch.views]
    return [v for v in x if v.shape[-1] == tiny.SIDE], [v for v in x if v.shape[-1] != tiny.SIDE]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.cosine_similarity(a, b, dim=-1)


def across(queries: list[Tensor], loss: Callable[[Tensor, int, int], Tensor]) -> list[Tensor]:
    """For each global view as the target: the mean over all images in every other view."""
    return [
        torch.stack(
            [loss(q[i], i, target) for view, q in enumerate(queries) if view != target for i in range(len(q))]
        ).mean()
        for target in range(2)
    ]


def slow_simclr(method: Method, whole: list[Tensor], small: list[Tensor]) -> Tensor:
    h = torch.cat([method.encoder(torch.cat(whole)), method.encoder(torch.cat(small))])
    z = [*method.projector(h).chunk(len(whole) + len(small))]

    def loss(anchor: Tensor, i: int, target: int) -> Tensor:
        met = [
            (cosine(anchor, z[v][j]) / method.temperature).exp()
            for v in range(2)
            for j in range(len(z[v]))
            if (v, j) != (1 - target, i)
        ]
        return -torch.log((cosine(anchor, z[target][i]) / method.temperature).exp() / torch.stack(met).sum())

    return torch.stack(across(z, loss)).mean()


def slow_supervised(method: Method, whole: list[Tensor], small: list[Tensor]) -> Tensor:
    h = torch.cat([method.encoder(torch.cat(whole)), method.encoder(torch.cat(small))])
    logits = method.classifier(method.projector(h))
    return torch.stack([-row.log_softmax(0)[i % tiny.COUNT % 3] for i, row in enumerate(logits)]).mean()


def slow_moco_v2(method: Method, whole: list[Tensor], small: list[Tensor]) -> Tensor:
    q = [method.projector(method.encoder(x)) for x in (*whole, *small)]
    k = [shuffled_keys(method.teacher, x, tiny.START) for x in whole]

    def loss(query: Tensor, i: int, target: int) -> Tensor:
        met = torch.cat([cosine(query, k[target][i])[None], cosine(query[None], method.queue.keys)])
        return -(met / method.temperature).log_softmax(0)[0]

    of_first, of_second = across(q, loss)
    return (of_first + of_second) / 2 if getattr(method, "symmetric", False) else of_second


def predicted(method: Method, whole: list[Tensor], small: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Projections of the global views, and predictions from all: global views alone, small ones together."""
    z = [method.projector(method.encoder(x)) for x in (*whole, torch.cat(small))]
    *q, q_small = [method.predictor(each) for each in z]
    return z[:2], [*q, *q_small.chunk(len(small))]


def slow_moco_v3(method: Method, whole: list[Tensor], small: list[Tensor]) -> Tensor:
    _, q = predicted(method, whole, small)
    k, tau = [method.teacher(x) for x in whole], method.temperature
    terms = across(q, lambda query, i, target: -(cosine(query[None], k[target]) / tau).log_softmax(0)[i])
    return 2 * tau * (terms[0] + terms[1])


def slow_byol(method: Method, whole: list[Tensor], small: list[Tensor]) -> Tensor:
    _, q = predicted(method, whole, small)
    z = [method.teacher(x) for x in whole]
    return torch.stack(across(q, lambda query, i, target: 2 - 2 * cosine(query, z[target][i]))).sum()


def slow_simsiam(method: Method, whole: list[Tensor], small: list[Tensor]) -> Tensor:
    z, p = predicted(method, whole, small)
    return torch.stack(across(p, lambda query, i, target: -cosine(query, z[target][i]))).mean()


SLOW = {
    "simclr": slow_simclr,
    "simclr_v2": slow_simclr,
    "supervised": slow_supervised,
    "moco_v1": slow_moco_v2,
    "moco_v2": slow_moco_v2,
    "moco_v3": slow_moco_v3,
    "byol": slow_byol,
    "simsiam": slow_simsiam,
}


@pytest.mark.parametrize("recipe", [PAIR, SMALL_FIRST], ids=["small last", "small first"])
@pytest.mark.parametrize("name", TAKERS)
def test_every_view_looks_for_every_other_global_one(name: str, recipe: Recipe) -> None:
    method = make(name, recipe)
    if name not in ("supervised", "simclr", "simclr_v2"):
        with torch.no_grad():  # a teacher that is not its student
            for p in method.parameters():
                p.add_(0.01 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    batch = make_batch(method)
    expected = SLOW[name](copy.deepcopy(method), *pixels(batch))
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item(), rel=1e-10)


def test_one_direction_of_moco_v2() -> None:
    method = make("moco_v2", symmetric=False)
    batch = make_batch(method)
    expected = slow_moco_v2(copy.deepcopy(method), *pixels(batch))
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item(), rel=1e-10)


@pytest.mark.parametrize("recipe", [ONE, PAIR, recipes.sizes(recipes.LIGHT, [(1.0, (0.2, 1.0), 3)])])
def test_any_number_of_views_have_the_label_of_their_image(recipe: Recipe) -> None:
    method = make("supervised", recipe, hidden=12)
    batch = make_batch(method)
    method.eval()
    loss = method(batch, tiny.progress(0)).loss
    terms = [
        torch.nn.functional.cross_entropy(
            method.classifier(method.projector(method.encoder(view.pixels))), batch.targets["label"]
        )
        for view in batch.views
    ]
    assert loss.item() == pytest.approx(torch.stack(terms).mean().item())


@pytest.mark.parametrize("name", ["moco_v1", "moco_v2", "moco_v3", "byol"])
def test_no_small_view_meets_the_teacher(name: str) -> None:
    method, seen = make(name), []
    method.teacher.encoder.register_forward_pre_hook(
        lambda _, inputs: seen.append(tuple(inputs[0].shape[2:]))
    )
    method(make_batch(method), tiny.progress(0))
    assert set(seen) == {(tiny.SIDE, tiny.SIDE)}


def test_keys_in_the_queue_are_those_of_the_global_views_alone() -> None:
    queues = []
    for recipe in (PAIR, recipes.B):
        method = make("moco_v2", recipe)
        batch = make_batch(make("moco_v2"))
        batch = batch._replace(views=batch.views[: len(recipe.expanded)])
        method(batch, tiny.progress(0))
        method.after_step(tiny.progress(0))
        queues.append(method.queue.keys)
    assert torch.equal(*queues)


@pytest.mark.parametrize("name", TAKERS)
def test_every_small_view_teaches_the_encoder(name: str) -> None:
    method = make(name)
    batch = make_batch(method)
    _, small = pixels(batch)
    for x in small:
        x.requires_grad_(True)
    method(batch, tiny.progress(0)).loss.backward()
    assert len(small) == 2 and all(x.grad.any() for x in small)


@pytest.mark.parametrize("name", TAKERS)
def test_two_processes_do_what_one_does(name: str) -> None:
    parts = in_processes(2, tiny.train, name, None, 2, PAIR)
    tiny.assert_equal_training(parts, tiny.train(name, None, 2, PAIR))


@pytest.mark.parametrize("name", TAKERS)
def test_a_batch_is_learned_from_all_its_views(name: str) -> None:
    method = tiny.make_method(name, recipe=PAIR)
    batch, keys = tiny.make_batch(method), getattr(method, "queue", None)
    start = None if keys is None else keys.keys.clone()
    before = method(batch, tiny.progress(0)).loss.item()
    optimizer = torch.optim.Adam(method.param_groups(), lr=3e-3)
    for step in range(8):
        tiny.take_step(method, optimizer, batch, step)
    if keys is not None:
        keys.keys.copy_(start)
    assert method(batch, tiny.progress(0)).loss < before - 0.02 * abs(before)


@pytest.mark.parametrize("name", ["supcon", "w_mse", "supervised"])
def test_more_global_views_than_the_papers(name: str) -> None:
    recipe = recipes.sizes(recipes.B, [(1.0, (0.2, 1.0), 3)])
    parts = in_processes(2, tiny.train, name, None, 1, recipe)
    tiny.assert_equal_training(parts, tiny.train(name, None, 1, recipe))
