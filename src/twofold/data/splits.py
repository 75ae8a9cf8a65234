"""What is learned from, what is fitted on and what is judged on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.source import Images, Source
from twofold.data.parts import Joined, Part
from twofold.data.table import read_table

JudgeOn = Literal["test", "val"]

_SPLITS = ("train", "val", "test")
_HELD_OUT = 1 / 5


def pretraining_images(source: Source, *, labels: bool = False) -> Images:
    """``train`` and ``unlabelled`` one after the other, their labels withheld.

    Args:
        source: The data.
        labels: Whether the labels of ``train`` are told after all, for methods that learn from them beside
            images without one.

    Raises:
        TwofoldError: If the data has neither, or not one label that is to be told.
    """
    parts = [source.splits[name] for name in ("train", "unlabelled") if name in source.splits]
    if not parts:
        raise TwofoldError(
            f"{source.name} has no images to learn from: neither a train nor an unlabelled split, "
            f"only {', '.join(source.splits)}"
        )
    if labels:
        labelled_images(source)  # refuses where there are none
    return Joined(parts, labels=labels)


def labelled_images(source: Source) -> Images:
    """The labelled images of ``train``, with their labels: for methods that learn from them.

    Raises:
        TwofoldError: If there are none.
    """
    labelled = _labelled(source.splits["train"]) if "train" in source.splits else None
    if labelled is None:
        raise TwofoldError(
            f"{source.name} has no labels to learn from: put the training images into one folder a class, "
            "or give --labels FILE.csv with lines of path,label"
        )
    return labelled


def has_labels(source: Source) -> bool:
    """Whether any image has one."""
    return any(_labelled(images) is not None for images in source.splits.values())


def judging_split(
    source: Source,
    *,
    labelled: bool = True,
    judge_on: JudgeOn = "test",
    group_by: str | None = None,
    table: Path | None = None,
    seed: int = 0,
) -> tuple[str, Images, str, Images, str]:
    """Which images a probe is fitted on and which it is judged on.

    Fitted on ``train``; judged on ``test`` where it has labels, else ``val``, else a fifth of the images
    that is held out: the same share of each class. Where ``train`` has no labels, ``val`` takes its
    place, then ``test``.

    Args:
        source: The data.
        labelled: Whether only labelled images take part. Else all do, ``unlabelled`` with ``train``, and
            labels are withheld.
        judge_on: ``val`` leaves ``test`` alone, as if it were not there.
        group_by: Keeps images of one group on one side of the held-out fifth: a regular expression
            whose first group, found in the path, names the image's group; or a column of ``table``.
        table: The CSV file of labels.
        seed: Of the held-out fifth.

    Returns:
        Name and images to fit on, name and images to judge on, and how they were chosen, in words.

    Raises:
        TwofoldError: If there are no such images, or too few groups.
        UsageError: If ``group_by`` is neither a column nor a regular expression with a group, or there is
            nothing but the ``test`` that is left alone.
    """
    parts = _labelled_parts(source) if labelled else _all_parts(source)
    if judge_on == "val" and parts.pop("test", None) is not None and not parts:
        what = "labels" if labelled else "images"
        raise UsageError(f"--judge-on val: {source.name} has no {what} outside of test")
    if not parts:
        raise TwofoldError(
            f"{source.name} has no labels to judge with: put the images into one folder a class, "
            "or give --labels FILE.csv with lines of path,label"
        )
    fit = next(iter(parts))
    judge = next((name for name in ("test", "val") if name in parts and name != fit), None)
    if judge is not None:
        return fit, parts[fit], judge, parts[judge], f"fitted on {fit}, judged on {judge}"
    whole = parts[fit]
    named = None if group_by is None else groups_of(source, group_by, table)
    groups = None if named is None else [named[path] for path in whole.paths]
    held = held_out(np.zeros(len(whole), np.int64) if whole.labels is None else whole.labels, groups, seed)
    apart = f"groups by '{group_by}' kept whole, " if groups else "stratified by class, " if labelled else ""
    return (
        fit,
        Part(whole, np.flatnonzero(~held)),
        f"{fit} (held out)",
        Part(whole, np.flatnonzero(held)),
        f"fitted on four fifths of {fit}, judged on the held-out fifth ({apart}seed {seed})",
    )


def _labelled_parts(source: Source) -> dict[str, Images]:
    """The labelled images of each split, those to fit on first."""
    parts = {name: _labelled(source.splits[name]) for name in _SPLITS if name in source.splits}
    return {name: part for name, part in parts.items() if part is not None}


def _all_parts(source: Source) -> dict[str, Images]:
    """All images without their labels, those to fit on first."""
    learned = [name for name in ("train", "unlabelled") if name in source.splits]
    apart: dict[str, Images] = {n: Joined([source.splits[n]]) for n in _SPLITS[1:] if n in source.splits}
    return {" and ".join(learned): pretraining_images(source), **apart} if learned else apart


def held_out(
    labels: Int[np.ndarray, " n"], groups: Sequence[str] | None, seed: int
) -> Bool[np.ndarray, " n"]:
    """A fifth of each class; of whole groups, as near to that as they allow.

    Raises:
        TwofoldError: If there are not at least two images, or two groups.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    held = np.zeros(len(labels), bool)
    if groups is None:
        held[_fifth_of_each_class(labels, order)] = True
        most = np.bincount(labels)[labels[order]].argmax()  # the last image of a class would be missed most
        smallest = order[most : most + 1]
    else:
        members: dict[str, list[int]] = {}
        for row in order.tolist():
            members.setdefault(groups[row], []).append(row)
        held[_fifth_in_groups(labels, list(members.values()))] = True
        smallest = np.array(min(members.values(), key=len))
    if not held.any():
        held[smallest] = True
    if held.all():
        what = "group" if groups else "image"
        raise TwofoldError(
            f"nothing can be held out, to judge or to select on: there is only one labelled {what}"
        )
    return held


def _fifth_of_each_class(
    labels: Int[np.ndarray, " n"], order: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " m"]:
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(labels)) - first[labels[by_class]]
    chosen: np.ndarray = by_class[rank < np.rint(counts * _HELD_OUT)[labels[by_class]]]
    return chosen


def _fifth_in_groups(labels: Int[np.ndarray, " n"], members: Sequence[list[int]]) -> list[int]:
    """Takes group after group as long as that brings the classes nearer to a fifth each."""
    missing = np.bincount(labels) * _HELD_OUT
    taken: list[int] = []
    for rows in members:
        classes, counts = np.unique(labels[rows], return_counts=True)
        left = missing[classes] - counts
        if np.abs(left).sum() < np.abs(missing[classes]).sum():
            missing[classes] = left
            taken += rows
    return taken


def _labelled(images: Images) -> Images | None:
    """The images that have a label, if any."""
    labels = images.labels
    if labels is None or not (labels >= 0).any():
        return None
    return images if (labels >= 0).all() else Part(images, np.flatnonzero(labels >= 0))


def groups_of(source: Source, group_by: str, table: Path | None) -> dict[str, str]:
    """Group of each image, by its path; an image without one is a group of its own.

    Args:
        source: All of whose images are looked at, so that a path means the same whichever are asked for.
        group_by: A regular expression whose first group names the image's group, or a column of ``table``.
        table: The CSV file of labels.

    Raises:
        UsageError: If ``group_by`` is neither a column nor a regular expression with a group.
    """
    paths = [path for images in source.splits.values() for path in images.paths]
    if table is not None and "(" not in group_by:  # a pattern has a group
        values = read_table(table, paths, root=source.place).column(group_by)
        return {path: values.get(row) or path for row, path in enumerate(paths)}
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UsageError(f"--group-by {group_by}: no regular expression: {error}") from None
    if not pattern.groups:
        raise UsageError(
            f"--group-by {group_by}: put the part of the path that names the group in parentheses"
        )
    matches = [pattern.search(path) for path in paths]
    if not any(matches):
        raise UsageError(f"--group-by {group_by}: matches no path, as '{paths[0]}'")
    return {path: (match and match[1]) or path for match, path in zip(matches, paths, strict=True)}
