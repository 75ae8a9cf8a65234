import pytest
import torch
from torch import nn

import tiny
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import Method
from twofold.methods.simsiam import SimSiam
from twofold.metrics.collapse import channel_spread
from twofold.objectives.similarity import negative_cosine
from twofold.train.optim import OptimizerSpec, make_optimizer, set_rates


class WithoutStoppedGradient(SimSiam):
    """Both sides of the loss are descended: what must not be done."""

    def forward(self, batch: Batch, progress: Progress) -> Step:
        z1, z2 = (self.projector(self.encoder(view.pixels)) for view in batch.views)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        return Step((negative_cosine(p1, z2) + negative_cosine(p2, z1)) / 2)


def make(**changes: object) -> Method:
    return tiny.make_method("simsiam", torch.float64, **changes)


def kinds(network: nn.Module) -> list[type]:
    return [type(layer) for layer in network.children()]


HIDDEN = [nn.Linear, nn.BatchNorm1d, nn.ReLU]


def test_the_papers_sizes_are_the_defaults() -> None:
    method = SimSiam(tiny.make_encoder)
    projector, predictor = method.projector, method.predictor
    assert kinds(projector) == [*HIDDEN, *HIDDEN, nn.Linear, nn.BatchNorm1d]
    assert [layer.out_features for layer in projector if isinstance(layer, nn.Linear)] == [2048] * 3
    assert all(layer.bias is None for layer in projector if isinstance(layer, nn.Linear))
    assert [layer.affine for layer in projector if isinstance(layer, nn.BatchNorm1d)] == [True, True, False]
    assert kinds(predictor) == [*HIDDEN, nn.Linear]
    assert (predictor[0].out_features, predictor[3].out_features) == (512, 2048)
    assert predictor[3].bias is not None


def test_the_projector_for_cifar_has_two_layers() -> None:
    assert SimSiam.presets["cifar10"]["depth"] == 2
    assert kinds(make(depth=2).projector) == [*HIDDEN, nn.Linear, nn.BatchNorm1d]


@pytest.mark.parametrize("name", ["resnet18_w4", "resnet50_w4", "resnet18"])
def test_residual_branches_start_at_nothing(name: str) -> None:
    encoder = tiny.Encoder(name, size=tiny.SIDE)
    blocks = [m for m in encoder.modules() if hasattr(m, "zero_init_last")]
    last = [getattr(block, "bn3", None) or block.bn2 for block in blocks]
    assert len(last) > 5 and not any(norm.weight.any() for norm in last)


def test_both_views_play_the_same_part_and_the_loss_is_a_mean_of_two_cosines() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    loss = method(batch, tiny.progress(0)).loss
    mirrored = method(batch._replace(views=batch.views[::-1]), tiny.progress(0)).loss
    assert loss.item() == pytest.approx(mirrored.item())
    z1, z2 = (method.projector(method.encoder(view.pixels)) for view in batch.views)
    cosine = nn.functional.cosine_similarity
    there, back = cosine(method.predictor(z1), z2).mean(), cosine(method.predictor(z2), z1).mean()
    assert loss.item() == pytest.approx(-(there + back).item() / 2)


def test_what_is_predicted_gets_no_gradient() -> None:
    """A predictor that answers a constant leaves nothing for the encoder to learn from."""
    method = make()
    nn.init.zeros_(method.predictor[3].weight)
    method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0)).loss.backward()
    assert method.predictor[3].bias.grad.any()
    for network in (method.encoder, method.projector):
        assert not any(p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("warmup", [0.0, 0.5])
def test_only_the_predictor_keeps_its_rate_and_everything_is_decayed(warmup: float) -> None:
    method = make()
    spec = OptimizerSpec(lr=0.1, weight_decay=1e-4, warmup=warmup)
    optimizer = make_optimizer(spec, method.param_groups())
    rest, predictor = optimizer.param_groups
    assert {id(p) for p in predictor["params"]} == {id(p) for p in method.predictor.parameters()}
    for step in range(100):
        common = set_rates(optimizer, spec, Progress(step, 100, 0, 1))
        assert rest["lr"] == common
        assert predictor["lr"] == pytest.approx(0.1)
        assert rest["weight_decay"] == predictor["weight_decay"] == 1e-4
    assert common < 0.001


def spread_before_and_after(cls: type[SimSiam]) -> tuple[float, float]:
    """The std of unit embeddings times sqrt(d) of an untrained and of a trained network."""
    torch.manual_seed(0)
    method = cls(tiny.make_encoder, hidden=64, dim=64, bottleneck=16, depth=2)
    unseen = tiny.make_batch(method, seed=999, count=64).views[0].pixels
    before = channel_spread(method.projector(method.encoder(unseen)))
    optimizer = torch.optim.SGD(method.param_groups(), lr=0.3, momentum=0.9)
    for step in range(200):
        tiny.take_step(method, optimizer, tiny.make_batch(method, step), step)
    return before, channel_spread(method.projector(method.encoder(unseen)))


def test_the_stopped_gradient_is_what_keeps_it_from_collapse() -> None:
    before, stopped = spread_before_and_after(SimSiam)
    _, unstopped = spread_before_and_after(WithoutStoppedGradient)
    assert stopped > 0.9 * before
    assert unstopped < 0.5 * before
