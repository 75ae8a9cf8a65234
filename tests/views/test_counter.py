import itertools
from hashlib import blake2b

import numpy as np

from twofold.views.counter import Counter

ITEMS = np.arange(20_000)


def spread(samples, bins=20):
    """Chi-squared over its degrees of freedom: near 1 for uniform draws in [0, 1)."""
    counts, _ = np.histogram(samples, bins, (0, 1))
    expected = len(samples) / bins
    return ((counts - expected) ** 2 / expected).sum() / (bins - 1)


def test_numbers_are_uniform_over_items_epochs_and_slots():
    over_items = Counter(0, 0, 0, ITEMS).uniform("flip")
    over_epochs = np.concatenate([Counter(0, e, 0, ITEMS[:4]).uniform("flip") for e in range(5000)])
    over_slots = np.concatenate([Counter(0, 0, 0, ITEMS[:4]).uniform("flip", c) for c in range(5000)])
    for samples in (over_items, over_epochs, over_slots):
        assert samples.min() >= 0 and samples.max() < 1
        assert spread(samples) < 2
        assert abs(np.corrcoef(samples[:-1], samples[1:])[0, 1]) < 0.03


def test_a_change_of_any_coordinate_gives_unrelated_numbers():
    draws = [
        Counter(0, 0, 0, ITEMS).uniform("flip"),
        Counter(1, 0, 0, ITEMS).uniform("flip"),
        Counter(0, 1, 0, ITEMS).uniform("flip"),
        Counter(0, 0, 1, ITEMS).uniform("flip"),
        Counter(0, 0, 0, ITEMS).uniform("gray"),
        Counter(0, 0, 0, ITEMS).uniform("flip", 1),
        Counter(0, 0, 0, ITEMS + 1).uniform("flip"),
    ]
    for one, other in itertools.combinations(draws, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_numbers_do_not_depend_on_the_company_of_an_item():
    everything = Counter(7, 3, 1, ITEMS).uniform("blur.sigma")
    shuffled = np.random.default_rng(0).permutation(ITEMS)
    assert np.array_equal(Counter(7, 3, 1, shuffled).uniform("blur.sigma"), everything[shuffled])
    assert np.array_equal(Counter(7, 3, 1, ITEMS[5:6]).uniform("blur.sigma"), everything[5:6])
    some = np.array([9, 2, 9])
    assert np.array_equal(Counter(7, 3, 1, ITEMS).only(some).uniform("blur.sigma"), everything[some])


def plain_mix(state):
    """The finaliser of SplitMix64 in Python's own integers."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def test_numbers_are_hashes_of_their_coordinates():
    """Resumed runs and published figures hang on these bits: they stay what they are."""
    key = int.from_bytes(blake2b(b"1/2/3/crop.area/4", digest_size=8).digest(), "little")
    expected = [
        (plain_mix((plain_mix(item * 0x9E3779B97F4A7C15 % 2**64) + key) % 2**64) >> 11) / 2**53
        for item in (0, 1, 50_000)
    ]
    drawn = Counter(seed=1, epoch=2, view=3, items=np.array([0, 1, 50_000])).uniform("crop.area", 4)
    assert drawn.tolist() == expected == [0.41123873631926033, 0.9258507975253807, 0.7390310119696725]


def test_many_numbers_of_an_item_are_uniform_and_unrelated():
    drawn = Counter(0, 0, 0, ITEMS).many("randommask.patches", 6)
    assert drawn.shape == (len(ITEMS), 6) and spread(drawn.ravel()) < 2
    assert abs(np.corrcoef(drawn.T) - np.eye(6)).max() < 0.03
    assert np.array_equal(Counter(0, 0, 0, ITEMS[4:6]).many("randommask.patches", 3), drawn[4:6, :3])


def test_normal_numbers_are_normal_whole_ones_whole_and_signs_even():
    counter = Counter(0, 0, 0, ITEMS)
    drawn = counter.normal("level")
    assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.02
    assert abs((np.abs(drawn) < 1).mean() - 0.6827) < 0.01
    counts = np.bincount(counter.below(7, "kind"))
    assert len(counts) == 7 and abs(counts / len(ITEMS) - 1 / 7).max() < 0.01
    assert set(counter.sign("sign")) == {-1.0, 1.0} and abs(counter.sign("sign").mean()) < 0.03


def test_between_covers_its_range():
    drawn = Counter(0, 0, 0, ITEMS).between(-2, 3, "jitter.hue")
    assert -2 <= drawn.min() < -1.99 and 2.99 < drawn.max() < 3
