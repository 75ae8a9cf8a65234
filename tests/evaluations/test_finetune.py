"""Fine-tuning of encoder and head."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from twofold.core.errors import TwofoldError
from twofold.core.source import Pixels
from twofold.data.screen import Screen
from twofold.evaluations._arm import Arm
from twofold.evaluations._draw import in_random_order
from twofold.evaluations._finetune import BATCH, FROM_HEAD, finetune
from twofold.evaluations._head import fit_linear, random_head
from twofold.evaluations._look import Look
from twofold.evaluations._task import Embedded, Task
from twofold.evaluations.finetune import Finetune, _rows
from twofold.evaluations.mlp import Mlp
from twofold.nn.class_network import HeadKind
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine

ENGINE = Engine(torch.device("cpu"), "fp32", 1)


def make_encoder(**changes: Any) -> Encoder:
    torch.manual_seed(0)
    return Encoder("resnet18_w16", size=16, **changes).eval()


class Shades:
    """Noise, of which one class is a little brighter."""

    def __init__(self, count: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.labels = np.arange(count) % 2
        shade = 55 * self.labels[:, None, None, None]
        self.pixels = torch.from_numpy((random.integers(0, 200, (count, 16, 16, 3)) + shade).astype(np.uint8))
        self.sizes = np.tile([16, 16], (count, 1))
        self.digests = np.zeros((count, 16), np.uint8)
        self.paths = [f"{number}.png" for number in range(count)]

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, items: np.ndarray) -> Pixels:
        return self.pixels[torch.from_numpy(items)]

    @torch.no_grad()
    def loss(self, encoder: nn.Module, head: nn.Module) -> float:
        logits = head(encoder(self.views))
        return F.cross_entropy(logits, torch.from_numpy(self.labels)).item()

    @property
    def views(self) -> torch.Tensor:
        return self.pixels.permute(0, 3, 1, 2) / 255


def test_new_images_are_classified_better_and_the_originals_stay_as_they_were(monkeypatch) -> None:
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 40)
    encoder = make_encoder()
    seen, new = Shades(16, seed=0), Shades(40, seed=1)
    with torch.no_grad():
        head = fit_linear(encoder(seen.views), torch.from_numpy(seen.labels), 2, strength=10.0)
    before = new.loss(encoder, head)
    tuned = finetune(
        encoder, head, seen, channels=3, epochs=1, seed=0, engine=ENGINE, screen=Screen(speaks=False)
    )
    assert new.loss(*tuned) < 0.8 * before
    assert new.loss(encoder, head) == before
    assert not any(module.training for network in tuned for module in network.modules())


def test_the_seed_decides(monkeypatch) -> None:
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 3)
    encoder = make_encoder()
    seen = Shades(8, seed=0)
    with torch.no_grad():
        head = fit_linear(encoder(seen.views), torch.from_numpy(seen.labels), 2, strength=1.0)
    weights = []
    for seed in (0, 0, 1):
        tuned, _ = finetune(
            encoder, head, seen, channels=3, epochs=1, seed=seed, engine=ENGINE, screen=Screen(speaks=False)
        )
        weights.append(torch.cat([p.flatten() for p in tuned.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_views_are_made_ahead_where_the_engine_says_so(monkeypatch) -> None:
    trainings = []
    monkeypatch.setattr("twofold.evaluations._finetune.fit", lambda training, _: trainings.append(training))
    monkeypatch.setattr(Engine, "ahead", 2)
    finetune(
        make_encoder(),
        nn.Linear(128, 2),
        Shades(8, seed=0),
        channels=3,
        epochs=1,
        seed=0,
        engine=ENGINE,
        screen=Screen(speaks=False),
    )
    assert [training.stream.ahead for training in trainings] == [2]


def test_from_the_head_it_is_simclr_v2s_optimiser(monkeypatch) -> None:
    """Of 1024 images a batch it would have the paper's rate of 0.16."""
    assert pytest.approx(0.16) == FROM_HEAD.lr * (1024 / BATCH) ** 0.5
    assert (FROM_HEAD.optimizer, FROM_HEAD.weight_decay, FROM_HEAD.warmup) == ("lars", 0, 0)
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 3)
    encoder, seen, tuned = make_encoder(), Shades(8, seed=0), []
    common = {"channels": 3, "epochs": 1, "seed": 0, "engine": ENGINE, "screen": Screen(speaks=False)}
    for optimizer in (FROM_HEAD, dataclasses.replace(FROM_HEAD, lr=0.0)):
        network, _ = finetune(encoder, nn.Linear(128, 2), seen, optimizer=optimizer, **common)
        tuned.append(torch.cat([p.flatten() for p in network.parameters()]))
    before = torch.cat([p.flatten() for p in encoder.parameters()])
    assert not torch.equal(tuned[0], before) and torch.equal(tuned[1], before)


def test_a_gray_encoder_is_tuned_on_colour_images(monkeypatch) -> None:
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 2)
    encoder = make_encoder(channels=1, mean=(0.5,), std=(0.3,))
    seen = Shades(8, seed=0)
    with torch.no_grad():
        gray = encoder(seen.views.mean(dim=1, keepdim=True))
    head = fit_linear(gray, torch.from_numpy(seen.labels), 2, strength=1.0)
    tuned, _ = finetune(
        encoder, head, seen, channels=3, epochs=1, seed=0, engine=ENGINE, screen=Screen(speaks=False)
    )
    assert tuned.spec["channels"] == 1


def embedded(subject: str, network: nn.Module | None = None) -> Embedded:
    """40 images to fit on and 40 to judge, as a subject sees them."""
    images, judged = Shades(40, seed=0), Shades(40, seed=1)
    task = Task(images, judged, ("dark", "bright"), seed=0, protocol={"data": "shades"})
    look = Look(make_encoder() if network is None else network, 16, 3, ENGINE)
    return Embedded(subject, task, look.features(images), look.features(judged), task.protocol, look)


def statistics(network: nn.Module) -> torch.Tensor:
    return torch.cat([value for name, value in network.state_dict().items() if "running" in name])


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 4)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """What is tried, where the held-out accuracy is 0.25 + rate up to 30 passes, and less for longer ones."""
    tried = []

    def trained(arm: Arm, rows: np.ndarray, rate: float, epochs: float) -> tuple[float, float]:
        tried.append((rate, epochs))
        return rate, epochs

    def predicted(arm: Arm, network: tuple[float, float], images: Any) -> torch.Tensor:
        rate, epochs = network
        share = 0.25 + rate + (epochs / 100 if epochs <= 30 else -0.25)
        right = np.arange(len(images)) < share * len(images)
        return torch.from_numpy(np.where(right, images.labels, 1 - images.labels))

    monkeypatch.setattr(Arm, "trained", trained)
    monkeypatch.setattr(Arm, "predicted", predicted)
    return tried


def test_the_length_grows_at_the_best_rate_as_long_as_that_helps(table) -> None:
    subject = embedded("a run")
    accuracy = next(Finetune(rates=(0.0, 0.25), epochs=(100, 10, 200, 30))(subject))
    assert table == [(0.0, 10), (0.25, 10), (0.25, 30), (0.25, 100), (0.25, 30)]
    assert accuracy.protocol["found"] == {"rate": 0.25, "epochs": 30, "held_out_accuracy": 0.875}


def test_of_equally_good_rates_the_lowest_is_taken(table) -> None:
    accuracy = next(Finetune(rates=(0.5, 0.4, 0.45), epochs=(300,))(embedded("a run")))
    assert accuracy.protocol["found"]["rate"] == 0.4


@pytest.mark.parametrize("subject", ["a run", "random:resnet18_w16"])
def test_only_an_untrained_network_learns_its_statistics(few_steps, subject: str) -> None:
    given = embedded(subject)
    before = {name: value.clone() for name, value in given.look.network.state_dict().items()}
    trained = Arm(given, given.look.encoder, "linear", 1.0).trained(np.arange(32), 1e-3, 1)
    same = torch.equal(statistics(trained), statistics(given.look.network))
    assert same == (subject == "a run")
    after = given.look.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_first_head_is_scaled_by_all_images_however_few_are_labelled(few_steps) -> None:
    given = embedded("a run")
    network = Arm(given, given.look.encoder, "linear", 1.0).trained(np.arange(2), 0.0, 1)
    assert torch.allclose(network.head[0].mean, given.fit.mean(dim=0), atol=1e-5)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_trained_network_begins_with_a_fitted_head_and_an_untrained_one_does_not(
    few_steps, head: HeadKind
) -> None:
    """At a rate of zero, what is judged is where they begin."""
    accuracy, deep = {}, []
    for subject in ("a run", "random:resnet18_w16"):
        given = embedded(subject)
        arm = Arm(given, given.look.encoder, head, 1e-3)
        network = arm.trained(np.arange(40), 0.0, 1)
        predicted = arm.predicted(network, given.task.fit)
        accuracy[subject] = (predicted == given.fit_labels).float().mean().item()
        deep.append(any(isinstance(module, nn.ReLU) for module in network.head.modules()))
    assert accuracy["a run"] == 1.0
    assert accuracy["random:resnet18_w16"] < 0.8
    assert deep == [head == "mlp"] * 2


def test_a_head_of_two_layers_selects_no_strength_and_is_told(table) -> None:
    accuracy = next(Finetune(rates=(0.4,), epochs=(300,), head="mlp")(embedded("a run")))
    assert accuracy.protocol["head"] == "mlp" and "strength" not in accuracy.protocol["selected"]
    assert "head" not in next(Finetune(rates=(0.4,), epochs=(300,))(embedded("a run"))).protocol


@pytest.mark.parametrize(
    ("subject", "start"), [("a run", "trained weights"), ("random:resnet18_w16", "random")]
)
def test_a_random_network_is_trained_from_scratch(few_steps, subject: str, start: str) -> None:
    accuracy = next(Finetune(rates=(1e-3,), epochs=(1,))(embedded(subject)))
    assert accuracy.protocol["start"].startswith(start)


def test_of_several_random_networks_the_first_is_trained(few_steps) -> None:
    given, once = embedded("random:resnet18_w16"), Finetune(rates=(1e-3,), epochs=(1,))
    given = given._replace(protocol={**given.protocol, "networks": 3})
    assert next(once(given)).protocol["networks"] == 1
    assert not list(once(given._replace(network=1)))


def test_nothing_is_selected_on_what_is_judged(few_steps) -> None:
    given, short = embedded("a run"), Finetune(rates=(1e-4, 1e-2), epochs=(1, 2))
    judge = Shades(40, seed=1)
    judge.labels = 1 - judge.labels
    other = given._replace(task=dataclasses.replace(given.task, judge=judge))
    seen, flipped = next(short(given)), next(short(other))
    assert flipped.protocol == seen.protocol
    assert flipped.value == pytest.approx(1 - seen.value)


def test_fewer_images_are_learned_from_where_that_is_asked_for(few_steps, monkeypatch) -> None:
    seen = set()
    read = Shades.read
    given = embedded("a run")
    monkeypatch.setattr(given.task.fit, "read", lambda rows: seen.update(rows) or read(given.task.fit, rows))
    accuracy = next(Finetune(rates=(1e-3,), epochs=(1,), images=20)(given))
    assert accuracy.protocol["images"] == len(seen - {0}) + (0 in seen) == 20


@pytest.mark.parametrize(
    ("learned", "held", "taken"), [(90, 2, (18, 2)), (6, 50, (6, 14)), (60, 60, (16, 4)), (8, 4, (8, 4))]
)
def test_images_that_are_there_to_select_on_are_among_the_fewer(learned, held, taken) -> None:
    validation = np.arange(learned + held) >= learned
    task = dataclasses.replace(
        embedded("a run").task, fit=Shades(learned + held, seed=0), validation=validation
    )
    rows = _rows(task, 20)
    assert len({*rows.tolist()}) == len(rows)
    assert ((~validation[rows]).sum(), validation[rows].sum()) == taken


def test_no_class_is_left_out_of_fewer_images() -> None:
    given = embedded("a run")
    given.task.fit.labels = np.arange(len(given.task.fit)) % 13
    assert {*given.task.fit.labels[_rows(given.task, 13)]} == {*range(13)}
    for protocol in (Finetune(images=12), Mlp(images=12)):
        with pytest.raises(TwofoldError, match="12 images cannot show 13 classes"):
            list(protocol(given))


def test_no_class_is_left_out_where_some_images_are_there_to_select_on() -> None:
    given = embedded("a run")
    count = len(given.task.fit)
    given.task.fit.labels = np.arange(count) % 13
    validation = np.arange(count) >= count - 13
    task = dataclasses.replace(given.task, validation=validation)
    rows = _rows(task, 14)
    assert {*given.task.fit.labels[rows[~validation[rows]]]} == {*range(13)}
    assert validation[rows].sum() == 1
    with pytest.raises(TwofoldError, match="13 images cannot show 13 classes, and select by one"):
        list(Finetune(images=13)(given._replace(task=task)))


def test_one_image_is_too_few(few_steps) -> None:
    encoder = make_encoder()
    head = random_head("linear", encoder.width, 2, seed=0)
    with pytest.raises(TwofoldError, match="one labelled image"):
        finetune(
            encoder,
            head,
            Shades(1, 0),
            channels=3,
            epochs=1,
            seed=0,
            engine=ENGINE,
            screen=Screen(speaks=False),
        )


def test_raw_pixels_cannot_be_trained_further() -> None:
    assert not list(Finetune()(embedded("pixels", nn.Flatten().eval())))


def test_labels_beyond_those_that_are_asked_for_are_not_looked_at(few_steps) -> None:
    given, few = embedded("a run"), Finetune(rates=(1e-3,), epochs=(1,), images=20)
    fit = Shades(40, seed=0)
    learned = in_random_order(fit.labels, 0)[:20]
    fit.labels = 1 - fit.labels
    fit.labels[learned] = given.task.fit.labels[learned]
    other = given._replace(task=dataclasses.replace(given.task, fit=fit))
    one, same = next(few(given)), next(few(other))
    assert (one.value, one.protocol) == (same.value, same.protocol)
