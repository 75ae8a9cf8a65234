import io
import math

import pytest
import torch
from PIL import Image
from torch import nn

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.evaluation import Artefact
from twofold.evaluations.geometry import Geometry
from twofold.metrics.collapse import effective_rank
from twofold.nn.encoder import Encoder


class Constant(nn.Module):
    """Collapsed."""

    def forward(self, x):
        return torch.ones(len(x), 6)


class Number(nn.Module):
    """Tells an image by its brightness, and nothing else of it."""

    def forward(self, x):
        angle = 40 * x.mean((1, 2, 3))
        return torch.stack([angle.cos(), angle.sin()], dim=1)


def figures(evaluation, embedded):
    return {one.metric: one for one in evaluation(embedded) if not isinstance(one, Artefact)}


def test_a_collapsed_encoder_has_no_geometry(seen):
    found = figures(Geometry(), seen(Constant()))
    assert list(found) == list(Geometry.shown)
    assert found["alignment"].value == pytest.approx(0, abs=1e-6)
    assert found["uniformity"].value == pytest.approx(0, abs=1e-5)
    assert found["rank"].value == pytest.approx(1, abs=0.01)
    assert found["i_nce"].value == pytest.approx(0, abs=1e-5)
    assert not any(score.share for score in found.values())


def test_views_that_change_nothing_are_told_from_other_images(seen):
    """Crops of flat images, mirrored: both views are the image."""
    flat = seen(Number(), pixels=lambda pixels: pixels[:, :1, :1].expand_as(pixels))
    found = figures(Geometry(recipe="LIGHT"), flat)
    assert found["alignment"].value == pytest.approx(0, abs=1e-5)
    assert found["i_nce"].value > 0.5 * math.log(24)
    coloured = figures(Geometry(recipe="C"), flat)
    assert coloured["alignment"].value > 0.1
    assert coloured["i_nce"].value < found["i_nce"].value
    assert coloured["alignment"].low < coloured["alignment"].value < coloured["alignment"].high


def test_rank_is_of_the_evaluation_views(seen):
    given = seen(nn.Flatten())
    assert figures(Geometry(), given)["rank"].value == pytest.approx(effective_rank(given.judge))


def test_every_subject_is_shown_the_same_views(seen):
    class Twice(nn.Flatten):
        def forward(self, x):
            return 2 * super().forward(x)

    one, other = (figures(Geometry(), seen(network)) for network in (nn.Flatten(), Twice()))
    for metric, score in one.items():
        assert other[metric].value == pytest.approx(score.value, rel=1e-4), metric


def test_a_projector_has_figures_of_its_own(seen):
    given = seen(nn.Flatten(), parts={"projector": nn.Identity()})
    found = figures(Geometry(), given)
    assert list(found) == [*Geometry.shown, *(f"{metric}/z" for metric in Geometry.shown)]
    assert all(found[f"{metric}/z"].value == found[metric].value for metric in Geometry.shown)
    narrow = figures(Geometry(), seen(nn.Flatten(), parts={"projector": nn.Linear(192, 3)}))
    assert narrow["rank/z"].value <= 3 < narrow["rank"].value


def test_the_temperature_is_chosen_on_the_fitted_images(seen):
    """These are told apart best at a low one, the judged images, which are all alike, at none."""
    given = seen(Number(), pixels=lambda pixels: pixels[:, :1, :1].expand_as(pixels))
    given.task.judge.pixels = torch.zeros_like(given.task.judge.pixels)
    chosen = figures(Geometry(recipe="LIGHT", temperatures=(0.5, 0.05)), given)["i_nce"].protocol
    assert chosen["found"]["temperature"] == 0.05
    assert "fitted images" in chosen["selected"]


def test_candidates_are_no_more_than_there_are_images(seen):
    given = seen(Encoder("resnet18_w4", size=8))
    assert figures(Geometry(), given)["i_nce"].protocol["candidates"] == 24
    one = figures(Geometry(temperatures=(0.3,), candidates=8), given)["i_nce"].protocol
    assert (one["candidates"], one["found"]["temperature"]) == (8, 0.3)
    assert "selected" not in one


def test_spectra_are_drawn(seen):
    given = seen(nn.Flatten(), parts={"projector": nn.Linear(192, 5)})
    (picture,) = [one for one in Geometry()(given) if isinstance(one, Artefact)]
    assert picture.name == "spectrum.png"
    colours = Image.open(io.BytesIO(picture.content)).convert("RGB").getcolors(1 << 20)
    assert {(0x2F, 0x5F, 0xB3), (0xD1, 0x63, 0x2B)} <= {colour for _, colour in colours}  # h and z


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_images_have_views_too(seen, channels):
    assert figures(Geometry(), seen(nn.Flatten(), channels=channels))["alignment"].value > 0


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("E2", "no recipe is called 'E2'"),
        ("CROP_AND_FLIP", "one view"),
        ("PIRL", "no whole images"),
        ("CMC", "no whole"),
    ],
)
def test_recipes_without_two_whole_views_are_told(seen, recipe, told):
    with pytest.raises(UsageError, match=told):
        list(Geometry(recipe=recipe)(seen(nn.Flatten())))


def test_one_image_has_nothing_to_be_compared_with(seen):
    with pytest.raises(TwofoldError, match="two at least"):
        list(Geometry()(seen(nn.Flatten(), judged=1)))
