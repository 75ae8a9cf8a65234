"""Every format and pixel type becomes upright gray or RGB; hostile bytes become one reason."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from twofold.data import picture
from twofold.data.picture import BrokenImage, Picture, from_array, read_picture

Encode = Callable[..., bytes]
Photograph = Callable[..., np.ndarray]
UNSHRUNK = 10_000


def read(content: bytes) -> Picture:
    return read_picture(content, UNSHRUNK)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(kind: str, photograph: Photograph, encoded: Encode) -> None:
    assert np.array_equal(read(encoded(photograph(), kind)).values, photograph())


def test_lossless_webp_keeps_every_pixel(photograph: Photograph, encoded: Encode) -> None:
    assert np.array_equal(read(encoded(photograph(), "WEBP", lossless=True)).values, photograph())


def test_jpeg_is_decoded_as_pillow_does(photograph: Photograph, encoded: Encode) -> None:
    content = encoded(photograph(), "JPEG", quality=90)
    twin = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    difference = read(content).values.astype(int) - twin
    assert np.abs(difference).max() <= 3


def test_only_the_first_frame_of_a_gif_is_read(encoded: Encode) -> None:
    frames = [Image.new("L", (8, 6), level) for level in (40, 200)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (read(content).values == 40).all()


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_more_pages_than_one_are_noticed_and_need_not_be_whole(kind: str, encoded: Encode) -> None:
    frames = [Image.new("L", (8, 6), level) for level in (40, 200)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert read(content).format == f"{kind}+"
    assert read(encoded(frames[0], kind)).format == kind
    for end in range(len(content) // 2, len(content)):
        with contextlib.suppress(BrokenImage):
            assert (read(content[:end]).values == 40).all()


def test_a_wrong_suffix_does_not_matter_because_content_decides(
    photograph: Photograph, encoded: Encode
) -> None:
    assert read(encoded(photograph(), "WEBP")).format == "WEBP"
    assert read(encoded(photograph(), "PNG")).format == "PNG"


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
def test_pixel_types_become_what_they_look_like(mode: str, photograph: Photograph, encoded: Encode) -> None:
    image = Image.fromarray(photograph()).convert(mode)
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    got = read(encoded(image, kind)).values
    twin = np.asarray(Image.open(io.BytesIO(encoded(image, kind))).convert("RGB")).astype(int)
    assert got.shape[2] == (1 if mode in ("L", "1") else 3)
    assert np.abs(got - twin).max() <= 3


def test_cmyk_jpeg_is_not_inverted(photograph: Photograph, encoded: Encode) -> None:
    content = encoded(Image.fromarray(photograph()).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(read(content).values.astype(int) - photograph()).mean() < 6


def test_alpha_is_composited_over_mid_grey(photograph: Photograph, encoded: Encode) -> None:
    pixels = photograph()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    alpha[:, :10], alpha[:, 10:20] = 255, 128
    got = read(encoded(np.dstack([pixels, alpha]))).values.astype(int)
    assert np.array_equal(got[:, :10], pixels[:, :10])
    assert np.abs(got[:, 10:20] - (pixels[:, 10:20].astype(int) + 128) / 2).max() <= 1.5
    assert (got[:, 20:] == 128).all()


def test_a_transparent_palette_entry_is_composited_too(encoded: Encode) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    got = read(encoded(image, "PNG", transparency=0)).values
    assert got[0, 0].tolist() == [128, 128, 128]
    assert got[1, 1].tolist() == [0, 0, 255]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(
    kind: str, orientation: int, photograph: Photograph, encoded: Encode
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(kind, {})
    content = encoded(photograph(), kind, exif=exif, **options)
    with Image.open(io.BytesIO(content)) as image:
        twin = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    got = read(content)
    assert np.abs(got.values - twin).max() <= 3
    assert got.size == twin.shape[:2]


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png_keeps_its_depth(channels: int, deep_png: Callable[[np.ndarray], bytes]) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, channels)).astype(np.uint16)
    got = read(deep_png(values))
    assert got.bits == 16
    assert np.array_equal(got.values, values)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_png_with_alpha_is_composited(channels: int, deep_png: Callable[[np.ndarray], bytes]) -> None:
    values = np.full((4, 6, channels), 60_000, np.uint16)
    values[:, :3, -1], values[:, 3:, -1] = 65_535, 0
    got = read(deep_png(values)).values
    assert got.shape[2] == channels - 1
    assert (got[:, :3] == 60_000).all()
    assert np.abs(got[:, 3:].astype(int) - 128 * 257).max() <= 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_colour_tiff_keeps_its_depth(
    order: str, packed: bool, deep_tiff: Callable[..., bytes]
) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    got = read(deep_tiff(values, order, packed))
    assert got.bits == 16
    assert np.array_equal(got.values, values)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_tiff_keeps_its_values(dtype: type, encoded: Encode) -> None:
    values = (np.arange(30).reshape(5, 6) * 1000).astype(dtype)
    assert np.array_equal(read(encoded(values, "TIFF")).values[..., 0], values)


def test_a_huge_jpeg_is_decoded_small_and_remembers_its_size(photograph: Photograph, encoded: Encode) -> None:
    got = read_picture(encoded(photograph(0, 480, 640), "JPEG", quality=95), 32)
    assert got.size == (480, 640)
    assert 64 <= min(got.values.shape[:2]) < 240


def test_a_truncated_jpeg_is_broken_not_half_gray(photograph: Photograph, encoded: Encode) -> None:
    content = encoded(photograph(0, 100, 100), "JPEG")
    with pytest.raises(BrokenImage, match="truncated"):
        read(content[: len(content) // 2])


def test_a_decompression_bomb_is_refused_before_it_is_decoded(
    photograph: Photograph, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "_MAX_PIXELS", 100)
    for kind in ("PNG", "JPEG"):
        with pytest.raises(BrokenImage, match="bomb"):
            read(encoded(photograph(), kind))


def test_a_tiny_file_with_an_enormous_header_is_refused(photograph: Photograph, encoded: Encode) -> None:
    png = bytearray(encoded(photograph()))
    png[16:24] = struct.pack(">II", 1_000_000, 1_000_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    jpeg = bytearray(encoded(photograph(), "JPEG"))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = struct.pack(">HH", 65_500, 65_500)
    bmp = bytearray(encoded(photograph(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 100_000, 100_000)
    for content in (png, jpeg, bmp):
        with pytest.raises(BrokenImage, match=r"bomb|exceeds limit"):
            read(bytes(content))


PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
STARTS = (
    b"",
    b"\xff\xd8\xff\xe0",
    PNG_START,
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"P6 2 2 255\n",
)


@given(st.sampled_from(STARTS), st.binary(max_size=300))
@example(b"\xff\xd8\xff\xe1", b"\0\x10Exif\0\0MM\0*\0\0\0\x08\xff\xff")
@example(b"", b"")
def test_arbitrary_bytes_are_an_image_or_one_reason(start: bytes, rest: bytes) -> None:
    try:
        got = read(start + rest)
    except BrokenImage as error:
        assert str(error)
    else:
        assert got.values.ndim == 3


def damaged_files() -> st.SearchStrategy[bytes]:
    whole = []
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(np.arange(768, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)).save(
            buffer, kind
        )
        whole.append(buffer.getvalue())
    return st.builds(
        lambda content, place, byte: (
            content[: place % len(content)] + bytes([byte]) + content[place % len(content) + 1 :]
        ),
        st.sampled_from(whole),
        st.integers(0, 10_000),
        st.integers(0, 255),
    )


@pytest.mark.filterwarnings("ignore")
@given(damaged_files())
def test_a_damaged_file_is_an_image_or_one_reason(content: bytes) -> None:
    try:
        got = read(content)
    except BrokenImage as error:
        assert str(error)
    else:
        assert got.values.ndim == 3


@pytest.mark.parametrize("shape", [(4,), (0, 5), (4, 5, 2), (2, 3, 4, 5)])
def test_arrays_that_are_no_images_are_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(BrokenImage, match="shape"):
        from_array(np.zeros(shape, np.uint8))


def test_an_array_of_truth_values_is_black_and_white() -> None:
    assert from_array(np.eye(3, dtype=bool)).values[..., 0].tolist() == [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
    ]
