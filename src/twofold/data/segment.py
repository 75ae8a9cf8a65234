"""Decodes images in parallel and writes them one after the other into a file."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import simplejpeg
from jaxtyping import UInt8

from twofold.data.decode import Decoded, RangeWanted, Settings, decode
from twofold.data.listing import Listing
from twofold.data.picture import BrokenImage
from twofold.data.screen import Advance, Screen
from twofold.data.threads import worker_count

Kind = Literal["raw", "jpeg"]

UNREAD = "cannot be read now"
"""Begins the reason of what its disk did not give: it is tried again."""

_QUALITY = 95
_CHUNK = 64  # images a task: decoding a single one of 32 x 32 pixels costs less than handing it over
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Work:
    """What is decoded, how, and how it is kept."""

    listing: Listing
    settings: Settings
    kind: Kind


@dataclass
class Filled:
    """What was written into a segment.

    Args:
        rows: Fields of ``store.ROW`` after ``segment``, by item of the listing.
        broken: Reason, by item of the listing.
        extent: Least and greatest value in images of more than 8 bits.
        value_range: What became 0 and 255 in them.
        length: Bytes written.
    """

    value_range: tuple[float, float] | None
    rows: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)
    extent: tuple[float, float] | None = None
    length: int = 0


def fill(path: Path, work: Work, items: Sequence[int], screen: Screen) -> Filled:
    """Decodes some items of a listing into the file ``path``.

    Images of more than 8 bits whose range is not known yet wait until all have been seen, and are
    then decoded a second time.
    """
    filled = Filled(work.settings.value_range)
    with path.open("wb", buffering=_BUFFER) as file:
        waiting = _write(file, work, items, screen, filled)
        if waiting and filled.extent is not None:
            low, high = filled.value_range = filled.extent
            screen.say(
                f"images of more than 8 bits: black is {low:g}, white {high:g} (--range {low:g}:{high:g})"
            )
            _write(file, _with_range(work, filled.extent), waiting, screen, filled)
    return filled


def average_length(work: Work, items: Sequence[int], screen: Screen) -> float:
    """Bytes an image takes, measured on some items; 0 where none of them can be read."""
    outcomes = _looked_at(work, items, screen)
    extents = [outcome.extent for outcome in outcomes if isinstance(outcome, RangeWanted)]
    if extents:
        low, high = zip(*extents, strict=True)
        outcomes = _looked_at(_with_range(work, (min(low), max(high))), items, screen)
    lengths = [len(outcome.content) for outcome in outcomes if isinstance(outcome, _Stored)]
    return float(np.mean(lengths)) if lengths else 0.0


def _with_range(work: Work, value_range: tuple[float, float]) -> Work:
    return replace(work, settings=replace(work.settings, value_range=value_range))


@dataclass(frozen=True)
class _Stored:
    """A decoded image as the segment keeps it."""

    decoded: Decoded
    content: memoryview | bytes


_Outcome = _Stored | RangeWanted | str  # a string is the reason why an image is broken


def _looked_at(work: Work, items: Sequence[int], screen: Screen) -> list[_Outcome]:
    with screen.bar("looking", len(items)) as advance:
        return [outcome for _, outcome in _in_parallel(work, items, advance)]


def _write(file: IO[bytes], work: Work, items: Sequence[int], screen: Screen, filled: Filled) -> list[int]:
    """Writes what can be written and returns the items that wait for a value range."""
    waiting = []
    with screen.bar("decoding", len(items)) as advance:
        for item, outcome in _in_parallel(work, items, advance):
            if isinstance(outcome, str):
                filled.broken[item] = outcome
            elif isinstance(outcome, RangeWanted):
                waiting.append(item)
                filled.extent = _widest(filled.extent, outcome.extent)
            else:
                filled.rows[item] = _row(outcome, filled.length)
                filled.length += file.write(outcome.content)
                filled.extent = _widest(filled.extent, outcome.decoded.extent)
    return waiting


def _row(stored: _Stored, offset: int) -> tuple[Any, ...]:
    one = stored.decoded
    return (
        offset,
        len(stored.content),
        *one.pixels.shape,
        *one.size,
        one.bits,
        one.mode,
        one.format,
        tuple(one.digest),
        one.mean,
        one.square,
    )


def _in_parallel(work: Work, items: Sequence[int], advance: Advance) -> Iterator[tuple[int, _Outcome]]:
    """Outcomes in the order of the items; few chunks at a time are in memory.

    The decoders release the interpreter's lock, so threads do.
    """

    def outcomes(chunk: Sequence[int]) -> list[tuple[int, _Outcome]]:
        return [(item, _outcome(work, item)) for item in chunk]

    threads = worker_count()
    running: deque[Future[list[tuple[int, _Outcome]]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for start in range(0, len(items) + 2 * threads * _CHUNK, _CHUNK):
                if start < len(items):
                    running.append(pool.submit(outcomes, items[start : start + _CHUNK]))
                if running and start >= 2 * threads * _CHUNK:
                    done = running.popleft().result()
                    yield from done
                    advance(len(done))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(work: Work, item: int) -> _Outcome:
    try:
        content = work.listing.read(item)
    except BrokenImage as error:
        return str(error)
    except OSError as error:
        return f"{UNREAD}: {error.strerror or error or type(error).__name__}"
    except Exception as error:  # file systems, archives and foreign sources fail in their own ways
        return f"cannot be read: {error or type(error).__name__}"
    try:
        decoded = decode(content, work.settings)
        if isinstance(decoded, RangeWanted):
            return decoded
        raw = work.kind == "raw"
        return _Stored(decoded, decoded.pixels.data.cast("B") if raw else _jpeg(decoded.pixels))
    except BrokenImage as error:
        return str(error)


def _jpeg(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    gray = pixels.shape[2] == 1
    try:
        content: bytes = simplejpeg.encode_jpeg(
            pixels, _QUALITY, "GRAY" if gray else "RGB", "Gray" if gray else "420"
        )
    except ValueError as error:
        raise BrokenImage(f"cannot be kept as JPEG: {error}") from None
    return content


def _widest(one: tuple[float, float] | None, other: tuple[float, float] | None) -> tuple[float, float] | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
