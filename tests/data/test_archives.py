"""Archives that are broken or mean harm."""

import io
import os
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from twofold.core.errors import TwofoldError
from twofold.core.source import Source
from twofold.data import archives

Open = Callable[..., Source]


@pytest.fixture
def zipped(tmp_path: Path, photograph: Callable[..., np.ndarray], encoded: Callable[..., bytes]):
    def write(names: list[str], extra: dict[str, bytes] | None = None) -> Path:
        path = tmp_path / "data.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for number, name in enumerate(names):
                file.writestr(name, encoded(photograph(number)))
            for name, content in (extra or {}).items():
                file.writestr(name, content)
        return path

    return write


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\evil.png", "a\\..\\b.png"]
)
def test_members_that_lead_out_of_the_archive_are_refused(
    name: str, zipped, tmp_path: Path, opened: Open
) -> None:
    with pytest.raises(TwofoldError, match="leads out of the archive"):
        opened(zipped(["good.png", name]))
    with pytest.raises(TwofoldError, match="leads out of the archive"):
        opened(tarred(tmp_path / "data.tar", {"good.png": b"", name: b""}))


def test_a_member_that_unpacks_to_a_bomb_is_skipped(
    zipped, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_SMALL", 50_000)
    source = opened(zipped(["1.png", "2.png"], {"bomb.png": bytes(10_000_000)}))
    assert len(source.splits["train"]) == 2
    [(path, reason)] = source.skipped
    assert path == "bomb.png"
    assert "bomb" in reason


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_tar_that_unpacks_to_a_bomb_is_refused(
    kind: str, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_SMALL", 50_000)
    monkeypatch.setattr(archives, "_LARGEST_RATIO", 50)
    path = tmp_path / f"data.tar.{kind}"
    with tarfile.open(path, f"w:{kind}") as file:
        info = tarfile.TarInfo("big.png")
        info.size = 3_000_000
        file.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(TwofoldError, match="bomb"):
        opened(path)


def test_a_member_that_declares_less_than_it_unpacks_to_is_skipped(
    zipped, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is unpacked than was declared, be it nothing."""
    path = zipped(["1.png", "2.png"], {"bomb.png": bytes(1 << 20)})
    content = bytearray(path.read_bytes())
    declared = (1 << 20).to_bytes(4, "little")
    while declared in content:
        place = content.index(declared)
        content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    unpacked: list[int] = []

    class Watched:
        def __init__(self, *arguments: int) -> None:
            self._real = zlib.decompressobj(*arguments)

        def decompress(self, data: bytes, limit: int) -> bytes:
            unpacked.append(len(content := self._real.decompress(data, limit)))
            return content

    watched = SimpleNamespace(decompressobj=Watched, crc32=zlib.crc32, MAX_WBITS=zlib.MAX_WBITS)
    monkeypatch.setattr(archives, "zlib", watched)
    source = opened(path)
    assert [place for place, _ in source.skipped] == ["bomb.png"]
    assert max(unpacked) < 10_000


def test_thousands_of_members_of_one_name_are_one(zipped, opened: Open, tmp_path: Path) -> None:
    path = zipped(["1.png"])
    image = zipfile.ZipFile(path).read("1.png")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
        warnings.simplefilter("ignore")
        for _ in range(3000):
            file.writestr("1.png", image)
    assert list(opened(path).splits["train"].paths) == ["1.png"]


def test_archives_inside_of_archives_are_not_looked_into(zipped, opened: Open) -> None:
    inner = zipped(["inner.png"]).read_bytes()
    source = opened(zipped(["1.png"], {"more.zip": inner, "more": inner}))
    assert list(source.splits["train"].paths) == ["1.png"]


def test_a_header_that_promises_a_terabyte_is_told(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "data.tar"
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 1 << 45
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(
        TwofoldError, match=r"data\.tar (cannot be read as a tar file|is damaged or incomplete)"
    ):
        opened(path)


def test_hidden_members_and_links_are_not_data(zipped, tmp_path: Path, opened: Open) -> None:
    source = opened(zipped(["a.png", "__MACOSX/._a.png", ".hidden/b.png"]))
    assert list(source.splits["train"].paths) == ["a.png"]
    path = tarred(tmp_path / "data.tar", {"a.png": (tmp_path / "data.zip").read_bytes()})
    with tarfile.open(path, "a") as file:
        link = tarfile.TarInfo("passwords.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    with pytest.raises(TwofoldError, match="no usable image"):
        opened(path)


def test_links_in_a_tar_are_the_files_they_lead_to_as_in_a_folder(
    tmp_path: Path, fill: Callable[..., Path], opened: Open
) -> None:
    root = fill(tmp_path / "pets", ["cat/1.png", "dog/2.png", "dog/.kept/3.png"])
    (root / "cat/hard.png").hardlink_to(root / "cat/1.png")
    (root / "cat/soft.png").symlink_to("../dog/2.png")
    (root / "dog/chain.png").symlink_to("../cat/soft.png")
    (root / "dog/hidden.png").symlink_to(".kept/3.png")
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as file:
        file.add(root, ".")
    packed = opened(path)
    assert len(packed.splits["train"]) == 6
    assert not packed.skipped
    assert packed.fingerprint == opened(root).fingerprint


def test_links_that_lead_to_no_file_of_the_archive_are_skipped(
    tmp_path: Path, fill: Callable[..., Path], opened: Open
) -> None:
    root = fill(tmp_path / "pets", ["1.png"])
    lost = {"out.png": "../1.png", "one.png": "two.png", "two.png": "one.png", "gone.png": "x.png"}
    lost |= {"self.png": "self.png", "absolute.png": str(root / "1.png"), ".hidden.png": "x.png"}
    for name, target in lost.items():
        (root / name).symlink_to(target)
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as file:
        file.add(root, ".")
    source = opened(path)
    assert list(source.splits["train"].paths) == ["1.png"]
    assert {name for name, _ in source.skipped} == lost.keys() - {".hidden.png"}
    assert {reason for _, reason in source.skipped} == {"a link to no file of the archive"}


@pytest.mark.parametrize("name", ["BZ1.png", "12:30.png"])
def test_names_that_only_look_like_something_else_are_names(
    name: str,
    tmp_path: Path,
    opened: Open,
    photograph: Callable[..., np.ndarray],
    encoded: Callable[..., bytes],
) -> None:
    path = tarred(tmp_path / "data.tar", {name: encoded(photograph())})
    assert list(opened(path).splits["train"].paths) == [name]


def test_a_full_disk_is_not_told_as_a_damaged_archive(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo("1.png")
        info.size = 1000
        file.addfile(info, io.BytesIO(bytes(1000)))
    with Path("/dev/full").open("w+b", buffering=0) as full:
        monkeypatch.setattr(archives.tempfile, "TemporaryFile", lambda: full)
        with pytest.raises(TwofoldError, match=r"is unpacked into .* make room there or set TMPDIR"):
            opened(path)


def test_a_later_member_of_the_same_name_wins(
    tmp_path: Path, opened: Open, photograph: Callable[..., np.ndarray], encoded: Callable[..., bytes]
) -> None:
    path = tmp_path / "data.tar"
    with tarfile.open(path, "w") as file:
        for number in (1, 2):
            content = encoded(photograph(number))
            info = tarfile.TarInfo("./a.png")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    images = opened(path).splits["train"]
    assert list(images.paths) == ["a.png"]
    assert np.array_equal(images.read(np.array([0]))[0], photograph(2))


def test_an_encrypted_archive_is_told(zipped, opened: Open) -> None:
    path = zipped(["1.png"])
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(TwofoldError, match="is encrypted"):
        opened(path)


def test_damaged_members_are_skipped(zipped, opened: Open) -> None:
    path = zipped(["1.png", "2.png", "3.png"])
    content = bytearray(path.read_bytes())
    place = content.index(b"2.png") + 200
    content[place : place + 20] = bytes(20)
    path.write_bytes(content)
    source = opened(path)
    assert list(source.splits["train"].paths) == ["1.png", "3.png"]
    assert source.skipped[0][0] == "2.png"


def test_new_members_are_appended_to_the_store(zipped, opened: Open, tmp_path: Path) -> None:
    opened(zipped(["1.png", "2.png"]))
    os.utime(zipped(["1.png", "2.png", "3.png"]), ns=(5, 5))
    assert len(opened(tmp_path / "data.zip").splits["train"]) == 3
    assert len(list((tmp_path / "cache").rglob("*.seg"))) == 2


def test_a_cut_off_tar_is_told_or_read_as_far_as_it_goes(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo("a.png")
        info.size = 100_000
        file.addfile(info, io.BytesIO(os.urandom(info.size)))
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(TwofoldError, match="cannot be read as a tar file"):
        opened(path)


def test_a_member_with_a_wrong_checksum_is_skipped(
    tmp_path: Path, opened: Open, photograph: Callable[..., np.ndarray], encoded: Callable[..., bytes]
) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for number in range(3):
            file.writestr(f"{number}.bmp", encoded(photograph(number), "BMP"))
    content = bytearray(path.read_bytes())
    content[content.index(b"1.bmp") + 1000] ^= 1
    path.write_bytes(content)
    source = opened(path)
    assert list(source.splits["train"].paths) == ["0.bmp", "2.bmp"]
    assert "checksum" in source.skipped[0][1]


@pytest.mark.parametrize("name", ["cut.zip", "cut.tar"])
def test_an_archive_that_is_cut_off_is_told_to_be_damaged(name: str, tmp_path: Path, opened: Open) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 half of it")
    with pytest.raises(TwofoldError, match=r"cut\.\w+ is damaged or incomplete; copy or download it again"):
        opened(tmp_path / name)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_cannot_be_unpacked_within_bounds_are_skipped(kind: int, zipped, opened: Open) -> None:
    """What they declare is no bound to zipfile: 81 bytes became 60 MiB."""
    path = zipped(["1.png", "2.png"])
    content = zipfile.ZipFile(path).read("1.png")
    with zipfile.ZipFile(path, "a", kind) as file:
        file.writestr("3.png", content)
    source = opened(path)
    assert len(source.splits["train"]) == 2
    [(name, reason)] = source.skipped
    assert name == "3.png" and "pack it by deflate" in reason
