"""Images made for a test, and folders of them."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twofold.core.source import Source
from twofold.data import open_source


@pytest.fixture
def photograph() -> Callable[..., np.ndarray]:
    """A smooth colour image, different for every seed."""

    def make(seed: int = 0, height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray:
        draw = np.random.default_rng(seed)
        small = Image.fromarray(draw.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
        return pixels if channels == 3 else pixels.mean(axis=2).astype(np.uint8)

    return make


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """The bytes of an image file."""

    def encode(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
        image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture
def deep_png() -> Callable[[np.ndarray], bytes]:
    """A PNG with 16 bits a channel, which Pillow cannot write in colour."""

    def encode(values: np.ndarray) -> bytes:
        height, width, channels = values.shape
        colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        lines = b"".join(b"\0" + values[y].astype(">u2").tobytes() for y in range(height))

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + body

    return encode


@pytest.fixture
def deep_tiff() -> Callable[..., bytes]:
    """A TIFF with 16 bits a channel, which Pillow cannot write in colour."""

    def encode(values: np.ndarray, order: str = "<", packed: bool = False) -> bytes:
        height, width, channels = values.shape
        data = values.astype(f"{order}u2").tobytes()
        data = zlib.compress(data) if packed else data
        start = 8 + len(data) + len(data) % 2
        tags = [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, channels, start),
            (259, 3, 1, 8 if packed else 1),
            (262, 3, 1, 2),
            (273, 4, 1, 8),
            (277, 3, 1, channels),
            (278, 4, 1, height),
            (279, 4, 1, len(data)),
        ]
        lines = [
            struct.pack(f"{order}HHI", tag, kind, count)
            + (
                struct.pack(f"{order}HH", value, 0)
                if (kind, count) == (3, 1)
                else struct.pack(f"{order}I", value)
            )
            for tag, kind, count, value in tags
        ]
        depths = struct.pack(f"{order}{channels}H", *[16] * channels)
        head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", start + len(depths))
        body = (head + data).ljust(start, b"\0") + depths
        return body + struct.pack(f"{order}H", len(tags)) + b"".join(lines) + b"\0\0\0\0"

    return encode


@pytest.fixture
def fill(photograph: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """Writes a different photograph to every path below a folder."""

    def write(root: Path, paths: list[str], start: int = 0, height: int = 24, width: int = 32) -> Path:
        for number, name in enumerate(paths, start):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photograph(number, height, width)).save(path)
        return root

    return write


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Source]:
    """``open_source`` with a cache of its own."""

    def open_it(data: Path | str, **options: object) -> Source:
        return open_source(str(data), cache=tmp_path / "cache", **options)

    return open_it
