import dataclasses
import itertools

import numpy as np
import pytest

from twofold.core.evaluation import Score
from twofold.evaluations._pairs import Pair, Side, pairs, sides
from twofold.metrics.intervals import Estimate


def side(name, *values, seeded=True, images=100):
    """Right on as many of the first images as the mean of its values says."""
    right = (np.arange(images) < images * np.mean(values)).astype(float)
    return Side(name, values, right, seeded)


def pair(low, high, p=0.5, one=(0.5,), other=(0.5,)):
    sides = (Side(name, values, np.zeros(1), True) for name, values in (("a", one), ("b", other)))
    return Pair(*sides, Estimate((low + high) / 2, low, high), p)


@pytest.mark.parametrize(
    ("found", "margin", "told"),
    [
        (pair(0.01, 0.05, p=0.01), None, "outside the noise of these images"),
        (pair(-0.01, 0.05), None, "within the noise of these images"),
        (pair(-0.01, 0.05), 0.04, "within the noise of these images"),
        (pair(-0.01, 0.02), 0.025, "equivalent within ± 2.5 points on these images"),
        (pair(-0.03, 0.02), 0.025, "within the noise of these images"),
        (
            pair(0.01, 0.02, p=0.01),
            0.025,
            "outside the noise of these images, yet equivalent within ± 2.5 points on these images",
        ),
        (pair(0.01, 0.02, p=0.01, one=(0.5,) * 4, other=(0.4,) * 4), None, "outside the noise"),
        (pair(-0.01, 0.02, one=(0.5,) * 4, other=(0.4,) * 4), 0.03, "equivalent within ± 3 points"),
        (
            pair(0.01, 0.02, p=0.01, one=(0.5,) * 3, other=(0.4,) * 3),
            None,
            "outside the noise of these images",
        ),
    ],
)
def test_verdicts(found, margin, told):
    assert found.verdict(margin) == told


def test_one_seed_each_is_tested_on_the_images_alone():
    ((found,),) = pairs([[side("a", 0.7), side("b", 0.6)]])
    assert found.difference.value == pytest.approx(0.1)
    assert found.p == pytest.approx(2 * 0.5**10)  # ten images, all for the first
    assert not found.covers_seeds


def test_seeds_of_both_widen_the_interval_and_four_of_each_are_tested():
    one, other = (0.70, 0.60, 0.80, 0.62), (0.62, 0.66, 0.61, 0.71)
    ((alone,),) = pairs([[side("a", np.mean(one)), side("b", np.mean(other))]])
    ((found,),) = pairs([[side("a", *one), side("b", *other)]])
    assert found.difference.value == alone.difference.value
    assert found.difference.low < alone.difference.low < alone.difference.high < found.difference.high
    assert found.covers_seeds
    assert found.p > 0.4  # whose seeds they are makes no difference, whatever the images say


def test_three_seeds_of_each_are_too_few_to_test():
    ((found,),) = pairs([[side("a", 0.9, 0.9, 0.9), side("b", 0.1, 0.1, 0.1)]])
    assert found.p < 0.001
    assert found.verdict() == "outside the noise of these images"


def test_what_has_no_seeds_is_exact_and_one_of_many_seeds_is_not():
    seeds = side("a", 0.7, 0.5)
    ((fixed,),) = pairs([[seeds, side("pixels", 0.4, seeded=False)]])
    ((single,),) = pairs([[seeds, side("b", 0.4)]])
    assert fixed.difference.high - fixed.difference.low > 2 * (single.difference.high - single.difference.low)


def test_all_pairs_of_all_ways_are_corrected_together():
    some = [side("a", 0.7), side("b", 0.6), side("c", 0.55)]
    alone = {
        (f.one.name, f.other.name): f.p for both in itertools.combinations(some, 2) for f in pairs([both])[0]
    }
    ways = pairs([some, some])
    assert [len(way) for way in ways] == [3, 3]
    smallest = min(alone.values())
    assert min(found.p for way in ways for found in way) == pytest.approx(6 * smallest)


def score(subject, value, right, **protocol):
    return Score(subject, "knn", "accuracy", value, value, value, protocol, per_image=np.array(right, float))


def test_seeds_of_one_setting_are_one_side_and_random_networks_too(tmp_path, photos, make_run):
    runs = {f"run{n}": make_run(tmp_path / f"run{n}", photos, n) for n in range(2)}
    runs["longer"] = make_run(tmp_path / "longer", photos, steps=2)
    scores = [
        score("pixels", 0.5, [1, 0]),
        score("random:x", 0.5, [0.5, 0.5], networks=2, found={"values": [0.25, 0.75]}),
        score("run0", 1.0, [1, 1]),
        score("longer", 0.5, [0, 1]),
        score("run1", 0.5, [1, 0]),
    ]
    pixels, random, seeds, longer = sides(scores, runs)
    assert (pixels.values, pixels.seeded) == ((0.5,), False)
    assert (random.values, random.seeded) == ((0.25, 0.75), True)
    assert seeds.name.startswith("simclr-photos-")
    assert seeds.values == (1.0, 0.5)
    assert seeds.per_image.tolist() == [1, 0.5]
    assert (longer.name, longer.one_of_many) == ("longer", True)


def test_draws_of_labels_are_no_seeds_and_a_seed_counts_once(tmp_path, photos, make_run):
    runs = {name: make_run(tmp_path / name, photos, seed) for name, seed in (("a", 0), ("copy", 0), ("b", 1))}
    drawn = score("a", 0.5, [1, 0], networks=1, found={"values": [0.2, 0.8]})
    scores = [drawn, *(score(name, 0.5, [1, 0]) for name in ("copy", "b", "timm:x", "last/last.ckpt"))]
    found = sides(scores, runs)
    assert [len(one.values) for one in found] == [2, 1, 1, 1]
    assert found[0].values == (0.5, 0.5)
    assert [one.seeded for one in found] == [True, True, False, True]
    alone = sides([drawn, score("pixels", 0.5, [1, 0])], {})
    assert [one.values for one in alone] == [(0.5,), (0.5,)]


def test_figures_of_images_are_in_no_file():
    told = dataclasses.replace(score("a", 0.5, [1, 0])).to_json()
    assert "per_image" not in told
    assert Score(**told) == score("a", 0.5, [1, 0])


@pytest.mark.parametrize(("protocol", "seeded"), [({}, False), ({"start": "trained weights"}, True)])
def test_public_weights_that_are_trained_further_might_have_had_another_seed(protocol, seeded):
    (found,) = sides([score("timm:resnet18", 0.5, [1.0, 0.0], **protocol)], {})
    assert found.seeded is seeded
