"""Decodes a data set once into a store that later starts map into memory."""

import contextlib
import dataclasses
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from twofold.core.errors import TwofoldError
from twofold.core.files import write_aside
from twofold.core.processes import seat
from twofold.data.decode import Settings
from twofold.data.layout import suffix_of
from twofold.data.listing import Listing, Origin, digest
from twofold.data.picture import UNRECOGNISED
from twofold.data.screen import Screen, readable
from twofold.data.segment import UNREAD, Filled, Kind, Work, average_length, fill
from twofold.data.store import ROW, Broken, Index, Segment, Store, open_store, remove_abandoned, touch

_RAW_LIMIT = 4 << 30  # bytes; beyond it images are kept as JPEG
_DISK_MARGIN = 256 << 20  # bytes that are left free
_BITS = 8  # beyond it the values of an image are mapped to the range of all
_SAMPLE = 200  # images whose size is measured to foretell the store's


def pack(origin: Origin, settings: Settings, cache: Path, screen: Screen) -> Store:
    """The store of a data set: opened where it is up to date, else brought up to date.

    Only images that are new or changed are decoded. A reader sees nothing of it until the new index
    replaces the old one in the last step: a pack that is killed leaves the store as it was. Who asks for the
    range that the data has by itself gets the store that was made without asking for any.

    Raises:
        TwofoldError: If no image is usable, more than half are broken, or the disk is full.
    """
    folder = _folder(cache, origin, settings)
    store = open_store(folder)
    for known in (store, _of_own_range(cache, origin, settings)):
        if known is not None and known.index.stamp == origin.stamp and not _to_try_again(known.index):
            touch(known.folder)
            return known
    with closing(origin.listing()) as listing, warnings.catch_warnings(), _told_where(folder):
        warnings.simplefilter("ignore")  # decoders warn of what the list of broken files tells
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder)
        try:
            _bring_up_to_date(folder, store, _Task(origin, listing, settings, screen))
        finally:
            with contextlib.suppress(OSError):  # a new store that came to nothing is an empty folder
                folder.rmdir()
    fresh = open_store(folder)
    assert fresh is not None, f"{folder} was written just now"
    return fresh


def _unread(one: Broken) -> bool:
    """Whether its disk failed, not the image."""
    return one.reason.startswith(UNREAD)


def _to_try_again(index: Index) -> bool:
    """Whether images could not be read the last time; one process of a machine tries, the others see them."""
    own = seat()
    return (own is None or own.local_rank == 0) and any(map(_unread, index.broken))


@contextmanager
def _told_where(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TwofoldError(
            f"cannot write decoded images to {folder}: {error.strerror or error}; "
            "make room there or set TWOFOLD_CACHE to another folder"
        ) from error


@dataclasses.dataclass(frozen=True)
class _Task:
    origin: Origin
    listing: Listing
    settings: Settings
    screen: Screen


def _folder(cache: Path, origin: Origin, settings: Settings) -> Path:
    return cache / "stores" / f"{origin.name}-{digest([origin.place, repr(settings)])[:12]}"


def _of_own_range(cache: Path, origin: Origin, settings: Settings) -> Store | None:
    """The store of the data's own range, where that is the one that is asked for."""
    if settings.value_range is None:
        return None
    store = open_store(_folder(cache, origin, dataclasses.replace(settings, value_range=None)))
    return store if store is not None and store.index.value_range == settings.value_range else None


def _bring_up_to_date(folder: Path, store: Store | None, task: _Task) -> None:
    """Decodes what the store lacks and replaces its index."""
    keys = list(zip(task.listing.paths, task.listing.stamps, strict=True))
    old = None if store is None else _worth_keeping(store.index, keys, task)
    known = {} if old is None else dict(zip(_keys_of(old), range(len(old.rows)), strict=True))
    failed = (
        {} if old is None else {(one.path, one.stamp): one.reason for one in old.broken if not _unread(one)}
    )
    todo = [item for item, key in enumerate(keys) if key not in known and key not in failed]

    segments = [] if old is None else list(old.segments)
    filled = Filled(task.settings.value_range or (old.value_range if old else None))
    broken = {item: failed[key] for item, key in enumerate(keys) if key in failed}
    if not todo:
        _refuse_if_unusable(task, broken, len(keys))
    else:
        file = folder / f"{digest(f'{path} {stamp}' for path, stamp in (keys[i] for i in todo))}.seg"
        settings = dataclasses.replace(task.settings, value_range=filled.value_range)
        work = _announced(folder, todo, segments, dataclasses.replace(task, settings=settings))
        with write_aside(file) as aside:
            filled = fill(aside, work, todo, task.screen)
            broken |= filled.broken
            _refuse_if_unusable(task, broken, len(keys))
        _tell_range(task, filled)
        if filled.rows:
            segments.append(Segment(file.name, work.kind, filled.length))
        else:
            file.unlink()
    if task.settings.value_range is None and old is not None and _outgrown(filled, old):
        task.screen.say("new images have values beyond the range of the old ones: all are decoded again")
        _bring_up_to_date(folder, None, task)
        return
    new = np.array([(len(segments) - 1, *row) for row in filled.rows.values()], ROW)
    table = new if old is None else np.concatenate([old.rows, new])
    rows = {item: known[key] for item, key in enumerate(keys) if key in known}
    rows |= {item: len(table) - len(new) + k for k, item in enumerate(filled.rows)}
    _index(task, (table, rows), broken, segments, filled.value_range).save(folder)


def _keys_of(index: Index) -> Iterator[tuple[str, str]]:
    return zip(index.paths, index.stamps, strict=True)


def _worth_keeping(index: Index, keys: Sequence[tuple[str, str]], task: _Task) -> Index | None:
    """The index, unless more than half of what its segments hold is gone, or what its range may stem from."""
    still = set(keys)
    gone = np.array([key not in still for key in _keys_of(index)], bool)
    if 2 * gone.sum() > len(gone):
        return None
    if task.settings.value_range is None and (index.rows["bits"][gone] > _BITS).any():
        task.screen.say(
            "images of more than 8 bits are gone or changed, and with them perhaps the range: "
            "all are decoded again"
        )
        return None
    return index


def _tell_range(task: _Task, filled: Filled) -> None:
    """Where the range that was asked for, or that a run remembers, is not that of the images themselves."""
    asked, own = task.settings.value_range, filled.extent
    if asked is not None and own is not None and own != asked:
        task.screen.say(
            f"images of more than 8 bits: black is {asked[0]:g}, white {asked[1]:g}; "
            f"their own values go from {own[0]:g} to {own[1]:g} (--range {own[0]:g}:{own[1]:g})"
        )


def _outgrown(filled: Filled, old: Index) -> bool:
    if filled.extent is None or old.value_range is None:
        return False
    return filled.extent[0] < old.value_range[0] or filled.extent[1] > old.value_range[1]


def _index(
    task: _Task,
    held: tuple[Shaped[np.ndarray, " m"], Mapping[int, int]],
    broken: Mapping[int, str],
    segments: Sequence[Segment],
    value_range: tuple[float, float] | None,
) -> Index:
    """What the store now holds: ``held`` is a table of rows, and where in it each item of the listing is."""
    origin, listing = task.origin, task.listing
    table, rows = held
    order = sorted(rows, key=lambda item: listing.paths[item])
    return Index(
        name=origin.name,
        place=origin.place,
        stamp=origin.stamp,
        rows=table[[rows[item] for item in order]],
        paths=[listing.paths[item] for item in order],
        stamps=[listing.stamps[item] for item in order],
        splits=None if listing.splits is None else [listing.splits[item] for item in order],
        labels=None if listing.labels is None else [listing.labels[item] for item in order],
        classes=listing.classes,
        skipped=listing.skipped,
        broken=[Broken(listing.paths[i], listing.stamps[i], reason) for i, reason in sorted(broken.items())],
        segments=segments,
        value_range=value_range,
    )


def _refuse_if_unusable(task: _Task, broken: dict[int, str], total: int) -> None:
    """Says so where no image is left, or more than half of the image files are broken."""
    paths, place = task.listing.paths, task.origin.place
    spoilt = {i: reason for i, reason in broken.items() if not is_other_file(paths[i], reason)}
    usable = total - len(broken)
    example = "; ".join(f"{paths[i]}: {reason}" for i, reason in list(spoilt.items())[:2])
    if not usable:
        others = len(task.listing.skipped) + len(broken) - len(spoilt)
        raise TwofoldError(
            f"no usable image in {place}: {others} other files"
            + (f", {len(spoilt)} broken images ({example})" if spoilt else "")
            + "; JPEG, PNG, WebP, BMP, GIF and TIFF are read"
        )
    if len(spoilt) > usable:
        raise TwofoldError(
            f"{len(spoilt)} of the {len(spoilt) + usable} images in {place} are broken ({example}); "
            "copy or download them again"
        )


def is_other_file(path: str, reason: str) -> bool:
    """Whether a file without a suffix turned out not to be an image, rather than to be a broken one."""
    return reason == UNRECOGNISED and not suffix_of(path)


def _announced(folder: Path, todo: Sequence[int], segments: Sequence[Segment], task: _Task) -> Work:
    """Raw where it fits, else JPEG; says how much it will be.

    Raises:
        TwofoldError: If neither fits on the disk.
    """
    sample = todo[:: max(1, len(todo) // _SAMPLE)]
    free = shutil.disk_usage(folder).free - _DISK_MARGIN
    size = 0.0
    kinds: tuple[Kind, ...] = ("raw", "jpeg")
    for kind in kinds:
        work = Work(task.listing, task.settings, kind)
        size = len(todo) * average_length(work, sample, task.screen)
        limit = _RAW_LIMIT - sum(s.length for s in segments) if kind == "raw" else free
        if size <= min(limit, free):
            task.screen.say(
                f"decoding {len(todo):,} images of {task.origin.place} "
                f"into {folder} (about {readable(size)}, {kind})"
            )
            return work
    raise TwofoldError(
        f"decoded images need about {readable(size)} in {folder} and {readable(max(0, free))} can be used; "
        "set TWOFOLD_CACHE to a folder with more room, or ask for a smaller --store-size"
    )
