import copy
import io

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tiny
from cluster_cases import CHANGES, features, two_epochs
from processes import in_processes
from twofold.core.method import Method
from twofold.methods import deepcluster_v2
from twofold.nn.multicrop import embed_views
from twofold.objectives.assignment import cluster_prediction


def make(**changes: object) -> Method:
    return tiny.make_method("deepcluster_v2", torch.float64, **{**CHANGES, **changes})


def begun(epoch: int = 0) -> Method:
    method = make()
    method.before_epoch(epoch, lambda: features(method))
    return method


def test_the_papers_sizes_are_the_defaults() -> None:
    method = deepcluster_v2.DeepClusterV2(tiny.make_encoder)
    method.setup(items=10, classes=0, steps=1)
    assert method.clusters.prototypes.shape == (3, 3000, 128)
    assert method.projector[0].out_features == 2048
    assert (method.temperature, method.iterations) == (0.1, 10)
    assert len(method.views.expanded) == 8 and method.views.globals_ == (0, 1)
    assert method.clusters.memory.shape == (2, 10, 128)


def test_every_view_must_tell_the_cluster_of_its_image() -> None:
    method = begun()
    batch = tiny.make_batch(method, dtype=torch.float64)
    batch = batch._replace(item=torch.arange(tiny.COUNT).flip(0) + 7)
    twin = copy.deepcopy(method)
    loss = method(batch, tiny.progress(0)).loss
    z = embed_views(twin.encoder, twin.projector, [view.pixels for view in batch.views])
    assigned = twin.clusters.assigned[:, batch.item]
    assert len(assigned.unique()) > 1
    assert loss.item() == pytest.approx(
        cluster_prediction(z, twin.clusters.prototypes, assigned, method.temperature).item()
    )


def test_the_main_crops_alone_are_remembered_by_item_after_the_step() -> None:
    method = begun()
    batch = tiny.make_batch(method, dtype=torch.float64)
    batch = batch._replace(item=torch.arange(tiny.COUNT).flip(0) + 7)
    before, twin = method.clusters.memory.clone(), copy.deepcopy(method)
    method(batch, tiny.progress(0))
    assert torch.equal(method.clusters.memory, before)
    method.after_step(tiny.progress(0))
    z = embed_views(twin.encoder, twin.projector, [view.pixels for view in batch.views])
    torch.testing.assert_close(method.clusters.memory[:, batch.item], F.normalize(z[:2], dim=-1))
    others = [item for item in range(4 * tiny.COUNT) if item not in batch.item.tolist()]
    assert torch.equal(method.clusters.memory[:, others], before[:, others])


def test_clusters_stand_still_within_an_epoch_and_are_no_parameters() -> None:
    method = begun()
    prototypes, assigned = method.clusters.prototypes.clone(), method.clusters.assigned.clone()
    optimizer = torch.optim.SGD(method.param_groups(), lr=0.1, weight_decay=0.1)
    for step in range(2):
        tiny.take_step(method, optimizer, tiny.make_batch(method, step, torch.float64), step)
    assert torch.equal(method.clusters.prototypes, prototypes)
    assert torch.equal(method.clusters.assigned, assigned)
    assert not any("clusters" in name for name, _ in method.named_parameters())
    method.before_epoch(1, unused)
    assert not torch.equal(method.clusters.prototypes, prototypes)


def unused() -> Tensor:
    raise AssertionError("only the first epoch needs the encoder's features")


def test_the_first_memory_is_what_the_projector_makes_of_all_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepcluster_v2, "_AT_ONCE", 32)
    method = make()
    twin = copy.deepcopy(method)
    h = features(method)
    method.before_epoch(0, lambda: h)
    assert torch.equal(method.clusters.memory[0], method.clusters.memory[1])
    for part in range(2):  # every other item: those beside each other may be of one class
        z = F.normalize(twin.projector(h[part::2]), dim=-1)
        torch.testing.assert_close(method.clusters.memory[0, part::2], z)


def test_the_first_memory_spreads() -> None:
    """Features of an untrained encoder have a large part in common, which batch norm takes out."""
    method = make()
    method.before_epoch(0, lambda: 5 + 0.1 * features(method))
    cosines = method.clusters.memory[0] @ method.clusters.memory[0].T
    assert cosines.mean() < 0.8
    assert all(len(assigned.unique()) == CHANGES["prototypes"] for assigned in method.clusters.assigned)


def test_it_goes_on_exactly_from_the_middle_of_an_epoch() -> None:
    method = begun()
    optimizer = tiny.make_optimizer(method)
    tiny.take_step(method, optimizer, tiny.make_batch(method, 0, torch.float64), 0)
    file = io.BytesIO()
    torch.save((method.state_dict(), optimizer.state_dict()), file)
    resumed = make()
    resumed_optimizer = tiny.make_optimizer(resumed)
    file.seek(0)
    weights, moments = torch.load(file)
    resumed.load_state_dict(weights)
    resumed_optimizer.load_state_dict(moments)
    torch.manual_seed(1)
    for step in range(1, 4):
        if step == 2:
            method.before_epoch(1, unused)
            resumed.before_epoch(1, unused)
        batch = tiny.make_batch(method, step, torch.float64)
        first = tiny.take_step(method, optimizer, batch, step)
        assert torch.equal(first, tiny.take_step(resumed, resumed_optimizer, batch, step))
    for key, value in method.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_two_processes_cluster_what_one_does() -> None:
    parts = in_processes(2, two_epochs)
    tiny.assert_equal_training(parts, two_epochs())
