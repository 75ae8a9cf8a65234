"""The images that all arms are given: pixels in an array, or JPEG files in a folder."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

JPEG = {".jpg", ".jpeg"}
QUALITY = 90


def contents(place: Path) -> Iterator[bytes]:
    """The JPEG files in a folder or zip, in the order of their names."""
    if place.is_dir():
        for file in sorted(place.rglob("*")):
            if file.suffix.lower() in JPEG:
                yield file.read_bytes()
        return
    with zipfile.ZipFile(place) as archive:
        for name in sorted(archive.namelist()):
            if Path(name).suffix.lower() in JPEG:
                yield archive.read(name)


def colour_photographs(place: Path, limit: int) -> list[bytes]:
    """At most so many JPEG files in colour; not every library reads gray and CMYK ones alike."""
    found = []
    for content in contents(place):
        with Image.open(io.BytesIO(content)) as image:
            if image.mode == "RGB":
                found.append(content)
        if len(found) == limit:
            break
    if not found:
        raise SystemExit(f"{place} holds no JPEG file in colour")
    return found


def write_pixels(photographs: list[bytes], side: int, file: Path) -> None:
    """Central squares of this side, as one array ``n side side 3`` of bytes."""
    squares = [ImageOps.fit(Image.open(io.BytesIO(p)).convert("RGB"), (side, side)) for p in photographs]
    np.save(file, np.stack([np.asarray(square) for square in squares]))


def write_files(photographs: list[bytes], folder: Path) -> None:
    folder.mkdir()
    for position, content in enumerate(photographs):
        (folder / f"{position:05}.jpg").write_bytes(content)


def shrunk(content: bytes, short_side: int) -> bytes:
    """The photograph as JPEG with this short side; smaller ones as they are."""
    image = Image.open(io.BytesIO(content))
    scale = short_side / min(image.size)
    if scale >= 1:
        return content
    small = image.resize([round(scale * side) for side in image.size], Image.Resampling.LANCZOS)
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()
