"""The layout of Pascal VOC: boxes of objects, so that an image may show several classes."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Int

from twofold.core.errors import TwofoldError
from twofold.data.archives import is_bounded

Place = Path | zipfile.Path

_SPLITS = {"train": ("train", "trainval"), "val": ("val",), "test": ("test",)}
"""The lists that make a split, the first that is there."""

_LARGEST = 16 << 20  # bytes of a list or an annotation


@dataclass(frozen=True)
class Voc:
    """Which images show what.

    Args:
        classes: Names of the classes, sorted.
        splits: Images of each split, by file name without suffix.
        objects: For each image the classes it shows, and whether all of a class are difficult to see.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]
    objects: Mapping[str, Mapping[str, bool]]

    def shown(self, images: Sequence[str]) -> Int[np.ndarray, "n c"]:
        """1 where an image shows a class, 0 where it does not, -1 where it shows difficult ones only."""
        of_each = [self.objects[image] for image in images]
        values = {None: 0, False: 1, True: -1}
        table = [[values[objects.get(name)] for name in self.classes] for objects in of_each]
        return np.array(table, np.int64).reshape(len(images), len(self.classes))


def find_voc(data: str) -> Voc | None:
    """The annotations of a folder or zip file that holds ``ImageSets/Main``, itself or one level below.

    Args:
        data: As ``open_source`` takes it.

    Raises:
        TwofoldError: If an image that is listed has no annotation, or one that cannot be read.
    """
    path = Path(data).expanduser()
    top: Place = zipfile.Path(path) if zipfile.is_zipfile(path) else path
    if not top.is_dir():
        return None
    places = [top, *sorted(top.iterdir(), key=_name)]
    root = next((place for place in places if (place / "ImageSets" / "Main").is_dir()), None)
    if root is None:
        return None
    splits = {split: images for split, lists in _SPLITS.items() if (images := _listed(root, lists))}
    objects = {image: _objects(root, image) for images in splits.values() for image in images}
    classes = tuple(sorted({name for shown in objects.values() for name in shown}))
    return Voc(classes, splits, objects)


def _name(place: Place) -> str:
    return place.name


def _listed(root: Place, lists: Sequence[str]) -> tuple[str, ...]:
    for name in lists:
        file = root / "ImageSets" / "Main" / f"{name}.txt"
        if file.is_file():
            lines = _read(file).decode(errors="replace").splitlines()
            return tuple(line.split()[0] for line in lines if line.strip())
    return ()


def _objects(root: Place, image: str) -> dict[str, bool]:
    file = root / "Annotations" / f"{image}.xml"
    if not file.is_file():
        raise TwofoldError(f"{file} is missing, though ImageSets/Main lists its image")
    try:
        annotation = ElementTree.fromstring(_read(file))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise TwofoldError(f"{file} cannot be read as an annotation of Pascal VOC: {error}") from None
    difficult: dict[str, bool] = {}
    for one in annotation.iter("object"):
        name = one.findtext("name", "").strip()
        if not name:
            raise TwofoldError(f"{file}: an object has no name")
        difficult[name] = difficult.get(name, True) and one.findtext("difficult", "0").strip() == "1"
    return difficult


def _read(file: Place) -> bytes:
    if isinstance(file, zipfile.Path) and not is_bounded(file.root.getinfo(file.at)):
        raise TwofoldError(f"{file} is refused: pack it by deflate, which can be unpacked safely")
    try:
        with file.open("rb") as stream:
            content: bytes = stream.read(_LARGEST + 1)
    except Exception as error:  # hostile bytes make zipfile raise whatever it likes
        raise TwofoldError(f"{file} cannot be read: {error or type(error).__name__}") from None
    if len(content) > _LARGEST:
        raise TwofoldError(f"{file} is refused: so large a file is no list and no annotation")
    return content
