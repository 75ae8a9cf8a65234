import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from twofold.core.evaluation import Artefact
from twofold.evaluations.local_features import LocalFeatures
from twofold.nn.encoder import Encoder


@pytest.fixture
def encoder():
    return Encoder("resnet18_w4", size=16)


def results(embedded, *clusters):
    found = list(LocalFeatures(clusters or (8,))(embedded))
    scores = {one.metric: one for one in found if not isinstance(one, Artefact)}
    pictures = {one.name: one for one in found if isinstance(one, Artefact)}
    return scores, pictures


def halves(pixels):
    """Red above, blue below."""
    painted = torch.zeros_like(pixels)
    painted[:, : pixels.shape[1] // 2, :, 0] = 255
    painted[:, pixels.shape[1] // 2 :, :, 2] = 255
    return painted


def test_each_stage_has_a_figure_and_a_picture(seen, encoder):
    scores, pictures = results(seen(encoder, side=16))
    assert list(pictures) == [f"stage{number}.png" for number in range(1, 6)]
    assert list(scores) == ["explained", *(f"explained/{number}" for number in range(1, 6))]
    assert all(0 < score.value < 1 for score in scores.values())
    mean = np.mean([scores[f"explained/{number}"].value for number in range(1, 6)])
    assert scores["explained"].value == pytest.approx(mean)
    assert "after stage 3 of 5" in pictures["stage3.png"].caption


def test_the_length_of_a_vector_does_not_count(seen, encoder):
    def shaded(pixels):
        return (halves(pixels) * torch.linspace(0.2, 1, pixels.shape[2])[:, None]).to(torch.uint8)

    encoder.grid = lambda x, stage: x
    scores, _ = results(seen(encoder, side=16, pixels=shaded), 2)
    assert scores["explained"].value == pytest.approx(1, abs=1e-3)


def test_what_differs_gets_colours_of_its_own(seen, encoder):
    encoder.grid = lambda x, stage: x  # the map is the image itself
    scores, pictures = results(seen(encoder, side=16, pixels=halves), 2)
    assert scores["explained"].value == pytest.approx(1, abs=1e-5)
    picture = np.asarray(Image.open(io.BytesIO(pictures["stage1.png"].content)).convert("RGB"))
    painted = picture[picture.shape[0] // 2 + 2 :, 4:132]  # under the first image
    upper, lower = painted[10:50, 10:100], painted[74:114, 10:100]
    assert len(np.unique(upper.reshape(-1, 3), axis=0)) == len(np.unique(lower.reshape(-1, 3), axis=0)) == 1
    assert (upper[0, 0] != lower[0, 0]).any()


def test_more_clusters_explain_more(seen, encoder):
    given = seen(encoder, side=16)
    few, many = (results(given, count)[0]["explained"].value for count in (2, 16))
    assert few < many


def test_each_number_of_clusters_has_figures_and_a_row_of_the_picture(seen, encoder):
    given = seen(encoder, side=16)
    found = list(LocalFeatures((2, 16))(given))
    told = [(one.metric, one.protocol["clusters"]) for one in found if not isinstance(one, Artefact)]
    assert told[:1] == [("explained", 2)] and told[6:7] == [("explained", 16)] and len(told) == 12
    one, two = (results(given, *clusters)[1]["stage1.png"] for clusters in ((2,), (2, 16)))
    heights = [Image.open(io.BytesIO(picture.content)).height for picture in (one, two)]
    assert 1.4 < heights[1] / heights[0] < 1.6  # the images, and a row or two
    assert "apart: 2 / 16 clusters" in two.caption


def test_a_map_that_is_the_same_everywhere_leaves_nothing_to_explain(seen, encoder):
    encoder.grid = lambda x, stage: torch.ones(len(x), 4, 2, 2)
    scores, _ = results(seen(encoder, side=16))
    assert scores["explained"].value == 1.0


def test_of_a_transformer_some_blocks_are_looked_at(seen):
    _, pictures = results(seen(Encoder("vit_tiny_patch16_224", size=32), side=32))
    assert list(pictures) == ["stage1.png", "stage4.png", "stage6.png", "stage9.png", "stage12.png"]


def test_raw_pixels_have_no_maps(seen):
    assert list(LocalFeatures()(seen(nn.Flatten()))) == []


def test_gray_images_are_drawn_too(seen):
    encoder = Encoder("resnet18_w4", size=16, channels=1, mean=(0.4,), std=(0.2,))
    _, pictures = results(seen(encoder, side=16, channels=1))
    assert len(pictures) == 5
