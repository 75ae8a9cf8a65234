"""Caltech-101, which comes without splits: the papers draw them."""

import re
from dataclasses import replace

import numpy as np

from twofold.core.source import Source
from twofold.data.parts import Part

PER_CLASS = 30
"""Images of each class to fit on (Kornblith et al., CVPR 2019, arXiv:1805.08974); the others are judged."""

NAMES = r"caltech(?=[\W_]*(101|$))|101[\W_]*objectcategories"
"""Caltech-101 alone is Kornblith et al.'s Caltech: ``caltech256`` is another data set."""

_NAMED = re.compile(rf"(?<![a-z])({NAMES})(?![a-z])")


def lacks_splits(source: Source) -> bool:
    """Whether it is Caltech-101 as it comes, labelled."""
    train = source.splits.get("train")
    apart = {"val", "test"} & {*source.splits}
    labelled = train is not None and train.labels is not None
    return labelled and not apart and _NAMED.search(source.name.lower()) is not None


def drawn(source: Source, seed: int) -> Source:
    """The source, its ``train`` being some images of each class and ``test`` all others.

    Args:
        source: With labels in ``train``, and no other split that has some.
        seed: Of the draw.
    """
    whole = source.splits["train"]
    labels, random = whole.labels, np.random.default_rng(seed)
    assert labels is not None
    each = [random.permutation(np.flatnonzero(labels == n))[:PER_CLASS] for n in range(len(source.classes))]
    fit = np.sort(np.concatenate(each))
    judge = np.setdiff1d(np.flatnonzero(labels >= 0), fit)
    return replace(source, splits={"train": Part(whole, fit), "test": Part(whole, judge)})
