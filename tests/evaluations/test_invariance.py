import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from twofold.core.evaluation import Artefact
from twofold.evaluations._changes import changes
from twofold.evaluations.invariance import Invariance
from twofold.views.counter import Counter


class Constant(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 6)


class Colours(nn.Module):
    """The mean of each channel, from the middle gray: where nothing is, and how it is turned, is not seen."""

    def forward(self, x):
        return x.mean((2, 3)) - 0.5


class Pattern(nn.Module):
    """Where it is light and where dark; colours are not seen."""

    def forward(self, x):
        weights = torch.tensor([0.299, 0.587, 0.114])[: x.shape[1], None, None]
        luma = (weights * x).sum(1).flatten(1)
        return luma - luma.mean(1, keepdim=True)


def noise(pixels):
    random = torch.Generator().manual_seed(len(pixels))
    return torch.randint(0, 256, pixels.shape, generator=random).to(torch.uint8)


def flat(pixels):
    """Each image of one bright colour of its own."""
    return noise(pixels)[:, :1, :1].expand_as(pixels)


def figures(embedded, **about):
    return {one.metric: one for one in Invariance(**about)(embedded) if not isinstance(one, Artefact)}


def test_what_a_network_does_not_see_does_not_move_it(seen):
    colours = figures(seen(Colours(), side=24, pixels=noise))
    assert colours["flip"].value == pytest.approx(1, abs=1e-4)
    assert colours["rotation/180"].value == pytest.approx(1, abs=1e-4)
    assert colours["gray/0"].value < 0.9
    pattern = figures(seen(Pattern(), side=24, pixels=noise))
    assert pattern["gray/0"].value > 0.99
    assert pattern["flip"].value < 0.2
    assert pattern["rotation/180"].value < 0.2


def test_whole_changes_of_colour_take_flat_images_to_others(seen):
    found = figures(seen(Colours(), side=24, pixels=flat))
    assert found["crop"].value == pytest.approx(1, abs=1e-3)
    assert found["hue/0.5"].value < 0.5 < found["hue/0.05"].value


def test_a_collapsed_encoder_is_not_invariant(seen):
    assert all(score.value == 0 for score in figures(seen(Constant(), side=24)).values())


def test_stronger_changes_move_more_and_the_figure_is_the_mean(seen):
    found = figures(seen(nn.Flatten(), side=24, pixels=noise))
    for name, change in changes(3, 24).items():
        if len(change.strengths) == 1:
            assert f"{name}/{change.strengths[0]:g}" not in found
            continue
        each = [found[f"{name}/{strength:g}"].value for strength in change.strengths]
        assert each[-1] <= each[0] + 0.05, name
        assert found[name].value == pytest.approx(np.mean(each))
        assert found[name].low <= found[name].value <= found[name].high
        assert found[name].protocol["strengths"] == list(change.strengths)
        assert found[f"{name}/{change.strengths[0]:g}"].protocol["strength"] == change.strengths[0]


def test_gray_images_have_no_hue_and_small_ones_no_blur(seen):
    gray = figures(seen(nn.Flatten(), side=24, channels=1))
    assert not any(metric.startswith(("hue", "gray")) for metric in gray)
    assert "brightness" in gray
    small = figures(seen(nn.Flatten(), side=8))
    assert "blur" not in small
    assert "hue" in small


def test_every_subject_is_shown_the_same_changes_however_they_are_batched(seen, monkeypatch):
    from twofold.evaluations import _features

    whole = figures(seen(nn.Flatten(), side=24))
    monkeypatch.setitem(_features._PIXELS_A_BATCH, "cpu", 5 * 24 * 24)
    parts = figures(seen(nn.Flatten(), side=24))
    assert whole.keys() == parts.keys()
    for metric, score in whole.items():
        assert parts[metric].value == pytest.approx(score.value, abs=1e-5)


def test_at_most_so_many_images_are_looked_at(seen):
    given = seen(nn.Flatten(), side=24)
    assert figures(given, images=10)["crop"].protocol["changed"] == 10
    assert figures(given)["crop"].protocol["changed"] == 24


def test_curves_are_drawn(seen):
    (picture,) = [one for one in Invariance()(seen(nn.Flatten(), side=24)) if isinstance(one, Artefact)]
    assert picture.name == "curves.png"
    assert Image.open(io.BytesIO(picture.content)).size[0] > 1000


@pytest.mark.parametrize("name", changes(3, 24))
def test_a_change_gives_images_and_leaves_its_own_alone(name):
    images, change = torch.rand(4, 3, 24, 24), changes(3, 24)[name]
    before = images.clone()
    for strength in change.strengths:
        changed = change.apply(images, strength, Counter(0, 0, 0, np.arange(4)))
        assert changed.shape == images.shape
        assert changed.min() >= 0 and changed.max() <= 1
        assert not torch.equal(changed, images)
    assert torch.equal(images, before)
