"""Images that a data set holds more than once, within a split or across splits."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Int, UInt8, UInt64
from PIL import Image
from torch import Tensor

from twofold.core.source import Images
from twofold.data.screen import Advance
from twofold.data.threads import worker_count

_DISTANCE = 4  # bits of 64 that may differ
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))  # (shift, width): four bits leave one equal
_DIFFERENCE = 20.0  # of 255, between thumbnails; beyond it equal gradients are chance
_LARGEST_CROWD = 4096  # images of one band that an image is compared with
_MOST_PAIRS = 2_000_000
_BATCH = 256
_ONES = np.array([byte.bit_count() for byte in range(256)], np.uint8)

Pairs = Int[np.ndarray, "pairs 2"]


@dataclass(frozen=True)
class Twins:
    """Images of the split ``second`` that the split ``first`` (perhaps the same) has already.

    Args:
        first: Name of a split.
        second: Name of a split.
        count: Number of images of ``second``.
        examples: Some of them: path in ``first``, path in ``second``.
    """

    first: str
    second: str
    count: int
    examples: tuple[tuple[str, str], ...]


def exact_pairs(digests: UInt8[np.ndarray, "n 16"], split: Int[np.ndarray, " n"]) -> Pairs:
    """Pairs of images with equal pixels: each image with the first of its kind in every split up to its own.

    Args:
        digests: Hash of each image's pixels.
        split: Number of each image's split.
    """
    _, kind = np.unique(_whole(digests), return_inverse=True)
    rows = np.arange(len(kind))
    pairs = [np.empty((0, 2), np.int64)]
    for number in np.unique(split):
        own = np.flatnonzero(split == number)[::-1]  # backwards: the first of a kind is written last
        first = np.full(kind.max() + 1, -1)
        first[kind[own]] = own
        twin = first[kind]
        found = (twin >= 0) & (twin != rows) & (split >= number)
        pairs.append(np.stack([twin[found], rows[found]], axis=1))
    return np.concatenate(pairs)


def near_pairs(
    thumbnails: UInt8[np.ndarray, "n 8 9"], digests: UInt8[np.ndarray, "n 16"], split: Int[np.ndarray, " n"]
) -> Pairs:
    """Pairs of images that look alike without having equal pixels.

    Their difference hashes (is a pixel of the 9 x 8 thumbnail lighter than its left neighbour?) differ
    in at most 4 of 64 bits, and their thumbnails by at most 20 of 255 levels on average. Four bits
    leave one of five bands equal, so only images that share a band are compared.
    """
    _, rows = np.unique(_whole(digests), return_index=True)
    small = thumbnails[rows].astype(np.int16)
    hashes = _difference_hashes(thumbnails[rows])
    found = [np.empty((0, 2), np.int64)]
    total = 0
    for shift, width in _BANDS:
        for pairs in _sharing(hashes >> np.uint64(shift) & np.uint64((1 << width) - 1)):
            near = pairs[_distances(hashes, pairs) <= _DISTANCE]
            difference = np.abs(small[near[:, 0]] - small[near[:, 1]]).mean(axis=(1, 2))
            found.append(near[difference <= _DIFFERENCE])
            total += len(found[-1])
            if total > _MOST_PAIRS:
                break
    alike = rows[np.unique(np.sort(np.concatenate(found), axis=1), axis=0)]
    order = np.lexsort((alike, np.stack([split[alike[:, 0]], split[alike[:, 1]]], axis=1)), axis=1)
    return np.take_along_axis(alike, order, axis=1)


def by_splits(
    pairs: Pairs, split: Int[np.ndarray, " n"], names: Sequence[str], paths: Sequence[str]
) -> list[Twins]:
    """Twins counted for each pair of splits that has any."""
    twins = []
    first, second = split[pairs[:, 0]], split[pairs[:, 1]]
    for one, other in combinations_with_replacement(range(len(names)), 2):
        own = pairs[(first == one) & (second == other)]
        copies, where = np.unique(own[:, 1], return_index=True)
        if len(copies):
            examples = tuple((paths[a], paths[b]) for a, b in own[where[:3]].tolist())
            twins.append(Twins(names[one], names[other], len(copies), examples))
    return twins


def thumbnails(images: Images, advance: Advance) -> UInt8[np.ndarray, "n 8 9"]:
    """Gray thumbnails of 9 x 8 pixels, in threads."""

    def work(start: int) -> UInt8[np.ndarray, "b 8 9"]:
        batch = images.read(np.arange(start, min(start + _BATCH, len(images))))
        return np.stack([_thumbnail(image) for image in batch])

    small = [np.empty((0, 8, 9), np.uint8)]
    with ThreadPoolExecutor(worker_count(), thread_name_prefix="thumbnail") as pool:
        for part in pool.map(work, range(0, len(images), _BATCH)):
            small.append(part)
            advance(len(part))
    return np.concatenate(small)


def _thumbnail(image: UInt8[Tensor, "h w c"]) -> UInt8[np.ndarray, "8 9"]:
    pixels = image.numpy()
    whole = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return np.asarray(whole.convert("L").resize((9, 8), Image.Resampling.BOX))


def _whole(digests: UInt8[np.ndarray, "n 16"]) -> np.ndarray:
    """Digests as values that can be compared and sorted."""
    return np.ascontiguousarray(digests).view("V16").reshape(-1)


def _difference_hashes(small: UInt8[np.ndarray, "n 8 9"]) -> UInt64[np.ndarray, " n"]:
    bits = small[:, :, 1:] > small[:, :, :-1]
    return np.packbits(bits.reshape(len(small), 64), axis=1).view(np.uint64).reshape(-1)


def _sharing(band: UInt64[np.ndarray, " n"]) -> Iterator[Pairs]:
    """Pairs of positions with equal values, in portions: neighbours when sorted, then next neighbours ..."""
    order = np.argsort(band, kind="stable")
    values = band[order]
    left = np.arange(len(values))
    for step in range(1, min(len(values), _LARGEST_CROWD)):
        left = left[left + step < len(values)]
        left = left[values[left] == values[left + step]]
        if not len(left):
            return
        yield np.stack([order[left], order[left + step]], axis=1)


def _distances(hashes: UInt64[np.ndarray, " n"], pairs: Pairs) -> Int[np.ndarray, " pairs"]:
    different = hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]
    counts: np.ndarray = _ONES[different.view(np.uint8).reshape(-1, 8)].sum(axis=1, dtype=np.int64)
    return counts
