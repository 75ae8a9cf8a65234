"""``open_source``: DATA in, splits of decoded images out."""

from pathlib import Path

from twofold.core.errors import UsageError
from twofold.core.source import Source
from twofold.data.assemble import Opened, assembled
from twofold.data.decode import Settings
from twofold.data.pack import pack
from twofold.data.places import cache_root
from twofold.data.resolve import find_origin
from twofold.data.screen import Screen

_LARGEST_VIEW = 224  # of the views that are made unless somebody asks for larger ones


def open_source(
    data: str,
    *,
    labels: str = "auto",
    size: int | None = None,
    store_size: int | None = None,
    value_range: str | None = None,
    cache: str | Path | None = None,
    progress: bool = True,
) -> Source:
    """Opens a data set; decodes it first where that has not been done yet.

    Args:
        data: A folder, an archive of one, an ``.npy`` or ``.npz`` file, a Hugging Face data set (an id,
            or the folder that ``save_to_disk`` wrote) or a name (``twofold list data``). A path wins.
        labels: ``auto`` (class folders, or what the set itself says), ``folders``, ``none``, or a CSV file of
            path,label.
        size: Side of the views that will be made, in pixels; None is at most 224.
        store_size: Short side in pixels to which larger images are shrunk; None is 256 / 224 of ``size``.
        value_range: ``LOW:HIGH``, which become black and white in images of more than 8 bits; None is
            the least and the greatest value in the data.
        cache: Folder of decoded images; None is ``$TWOFOLD_CACHE``, else ``~/.cache/twofold``.
        progress: Whether to tell on stderr what is done.

    Raises:
        UsageError: If there is no such data, or an argument cannot be understood.
        TwofoldError: If no image is usable, or more than half are broken.
    """
    settings = settings_from(size, store_size, value_range)
    return open_with_store(data, labels, settings, cache, Screen(progress)).source


def open_with_store(
    data: str, labels: str, settings: Settings, cache: str | Path | None, screen: Screen
) -> Opened:
    """As ``open_source``, with the store: for whoever wants to know what the files were like."""
    store = pack(find_origin(data), settings, cache_root(cache), screen)
    return assembled(store, labels, screen)


def settings_from(size: int | None, store_size: int | None, value_range: str | None) -> Settings:
    """Decode settings from what the user asked for.

    Raises:
        UsageError: If a size is not positive or the range is not two ascending numbers.
    """
    for name, value in (("--size", size), ("--store-size", store_size)):
        if value is not None and value < 1:
            raise UsageError(f"{name} {value}: a size is at least 1 pixel")
    short_side = store_size or round((size or _LARGEST_VIEW) * 256 / 224)
    return Settings(short_side, None if value_range is None else _two_numbers(value_range))


def _two_numbers(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low, high = 0.0, 0.0
    if not low < high:
        raise UsageError(
            f"--range (value_range in Python) {text}: write two numbers, the smaller first, as 0:4095"
        )
    return low, high


def range_text(value_range: tuple[float, float] | None) -> str | None:
    """``LOW:HIGH``, from which ``settings_from`` makes the very same range; None where there is none.

    Nor is there one where all values are the same, and any range makes them black.
    """
    if value_range is None or not value_range[0] < value_range[1]:
        return None
    return ":".join(repr(float(value)).removesuffix(".0") for value in value_range)
