"""Images inside of zip and tar files, read without unpacking them to files."""

import bz2
import errno
import gzip
import lzma
import os
import posixpath
import re
import struct
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from twofold.core.errors import TwofoldError
from twofold.data.layout import images_among, is_hidden, run_folders
from twofold.data.listing import Listing
from twofold.data.picture import BrokenImage
from twofold.data.screen import readable

_LARGEST_MEMBER = 1 << 30  # bytes of one image file
_LARGEST_RATIO = 200  # what one packed byte may become, beyond which it is taken for a bomb
_SMALL = 64 << 20  # bytes; below this no ratio is suspicious

_BOUNDED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What can be unpacked up to the length that is declared, and no further; ``zipfile`` bounds no others."""

_UNPACKERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b\x08": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7z": lzma.open,
}

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LONGEST_CHAIN = 40  # links that lead to links; where Linux, too, stops following

Member = TypeVar("Member", zipfile.ZipInfo, tarfile.TarInfo)


def lister_for(path: Path) -> Callable[[Path], Listing] | None:
    """What lists this archive, if it is one. A tar file may end in a zip file, so tar is tried first."""
    with suppress(Exception):  # whatever a damaged start of a packed tar file makes of it
        if tarfile.is_tarfile(path):
            return list_tar
    return list_zip if zipfile.is_zipfile(path) else None


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether so many bytes in so few are no data but an attack."""
    return unpacked > max(_SMALL, _LARGEST_RATIO * packed)


def is_bounded(member: zipfile.ZipInfo) -> bool:
    """Whether no more is unpacked than is declared."""
    return member.compress_type in _BOUNDED


def list_zip(path: Path) -> Listing:
    """Images in a zip file.

    Raises:
        TwofoldError: If the file is damaged or encrypted, or a member's path leads out of it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # hostile bytes make zipfile raise whatever it likes
        raise TwofoldError(f"{path} cannot be read as a zip file: {error or type(error).__name__}") from None
    members = {one.filename: one for one in archive.infolist() if not one.is_dir()}
    if any(one.flag_bits & 1 for one in members.values()):
        archive.close()
        raise TwofoldError(f"{path} is encrypted; unpack it and give the folder")

    file, lock = path.open("rb"), threading.Lock()

    def read(member: zipfile.ZipInfo) -> bytes:
        if member.file_size > _LARGEST_MEMBER or is_bomb(member.file_size, member.compress_size):
            raise BrokenImage(
                f"refused: {readable(member.file_size)} unpacked looks like a decompression bomb"
            )
        if not is_bounded(member):
            raise BrokenImage(
                "refused: packed by a method that cannot be unpacked safely; pack it by deflate"
            )
        return _unpacked(member, file, lock)

    def close() -> None:
        file.close()
        archive.close()

    stamps = {name: f"{one.file_size}:{one.CRC:08x}" for name, one in members.items()}
    return _listing(path, members, stamps, read, close)


def _unpacked(member: zipfile.ZipInfo, file: IO[bytes], lock: threading.Lock) -> bytes:
    """What ``ZipFile.read`` gives, five times faster: of small images the time to read is half of all."""
    with lock:
        file.seek(member.header_offset)
        name_length, extra_length = struct.unpack_from("<HH", file.read(30), 26)
        file.seek(name_length + extra_length, os.SEEK_CUR)
        content = file.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_DEFLATED:
        one_more = member.file_size + 1  # 0 would be no limit at all
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, one_more)
    if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise zipfile.BadZipFile("its checksum is wrong")
    return content


def list_tar(path: Path) -> Listing:
    """Images in a tar file; a compressed one is unpacked into a temporary tar file first.

    Raises:
        TwofoldError: If the file is damaged, there is no room for it, or a member's path leads out of it.
    """
    try:
        file = _plain(path)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            there = {one.name: one for one in archive if _is_plain(one) or one.islnk() or one.issym()}
    except TwofoldError:
        raise
    except Exception as error:  # hostile bytes make tarfile raise whatever it likes
        if isinstance(error, OSError) and error.errno in _FULL:
            raise TwofoldError(
                f"{path} is unpacked into {tempfile.gettempdir()}, which has no room for it; "
                "make room there or set TMPDIR to another folder"
            ) from None
        raise TwofoldError(f"{path} cannot be read as a tar file: {error or type(error).__name__}") from None
    lock = threading.Lock()

    def read(member: tarfile.TarInfo) -> bytes:
        if member.size > _LARGEST_MEMBER:
            raise BrokenImage(f"refused: {readable(member.size)} is no image file")
        with lock:
            file.seek(member.offset_data)
            return file.read(member.size)

    members = _followed(there)
    whole = path.stat().st_mtime_ns  # of members without a time, as Python writes them, it tells changes
    stamps = {name: f"{one.size}:{one.mtime or whole}" for name, one in members.items() if one}
    return _listing(path, members, stamps, read, file.close)


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()


def _followed(there: Mapping[str, tarfile.TarInfo]) -> dict[str, tarfile.TarInfo | None]:
    """The file that each name stands for; None where it is a link to none in the archive."""
    places = {posixpath.normpath(name): one for name, one in there.items()}
    files: dict[str, tarfile.TarInfo | None] = {}
    for name, one in there.items():
        end: tarfile.TarInfo | None = one
        for _ in range(_LONGEST_CHAIN):
            if end is None or _is_plain(end):
                break
            around = posixpath.dirname(end.name) if end.issym() else ""
            end = places.get(posixpath.normpath(posixpath.join(around, end.linkname)))
        files[name] = end if end is not None and _is_plain(end) else None
    return files


def _listing(
    path: Path,
    members: Mapping[str, Member | None],
    stamps: Mapping[str, str],
    read: Callable[[Member], bytes],
    close: Callable[[], None],
) -> Listing:
    try:
        names = {_inside(path, name): name for name in members}
    except TwofoldError:
        close()
        raise
    runs = run_folders(names)
    shown = (name for name in names if not any(map(is_hidden, name.split("/"))))
    visible = sorted(name for name in shown if not name.startswith(runs))
    places = ((name, members[names[name]]) for name in visible)
    files = {name: member for name, member in places if member}
    lost = [(name, "a link to no file of the archive") for name in visible if name not in files]
    found = list(files)
    chosen, others = images_among(found)
    images = [found[position] for position in chosen]
    return Listing(
        paths=images,
        stamps=[stamps[names[name]] for name in images],
        read=lambda item: read(files[images[item]]),
        skipped=tuple(others + lost),
        close=close,
    )


def _inside(path: Path, name: str) -> str:
    """The member's path with ``/``, unless it leads out of the archive."""
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:", parts[0]):
        raise TwofoldError(f"{path} is refused: its member '{name}' leads out of the archive")
    return "/".join(part for part in parts if part not in ("", "."))


def _plain(path: Path) -> IO[bytes]:
    """The tar file itself, or unpacked into a file that vanishes when it is closed, or with the process."""
    with path.open("rb") as start:
        unpack = _UNPACKERS.get(start.read(3))
    if unpack is None:
        return path.open("rb")
    packed = path.stat().st_size
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the listing closes it)
    try:
        with unpack(path) as stream:
            while block := stream.read(1 << 20):
                file.write(block)
                if is_bomb(file.tell(), packed):
                    raise TwofoldError(f"{path} is refused: it unpacks like a decompression bomb")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
