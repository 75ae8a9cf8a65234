"""Hugging Face data sets."""

from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.labels import numbered
from twofold.data.layout import SPLITS
from twofold.data.listing import Content, Listing, Origin, digest, short_name
from twofold.data.scan import scan, whole_stamp


class Huggingface:
    """A Hugging Face data set: owner/name, hf:name[:config], or a folder that save_to_disk wrote."""

    def open(self, data: str) -> Origin:
        """Loads the data set's tables, but no image.

        Raises:
            UsageError: If the ``datasets`` package is missing.
            TwofoldError: If it cannot be loaded, or has no column of images.
        """
        folder = Path(data).expanduser()
        if folder.is_dir():
            stamp = whole_stamp(scan(folder))
            place = str(folder.resolve())
            return Origin(
                short_name(folder.resolve().name), place, stamp, lambda: _listing(place, _load(data), stamp)
            )
        splits = _load(data)
        stamp = digest(f"{name}:{table._fingerprint}" for name, table in splits.items())
        name = data.removeprefix("hf:")
        return Origin(
            short_name(name.rsplit("/", 1)[-1]), f"hf:{name}", stamp, lambda: _listing(data, splits, stamp)
        )


def _load(data: str) -> dict[str, Any]:
    """Tables by name of their split."""
    try:
        import datasets
    except ImportError:
        raise UsageError(
            f"'{data}' would be a Hugging Face data set (there is no folder of images or file of that name), "
            "which needs one more package: pip install 'twofold[huggingface]'"
        ) from None
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # six lines of retries would bury the one that says what to do
    folder = Path(data).expanduser()
    name, _, config = data.removeprefix("hf:").partition(":")
    try:
        if folder.is_dir():
            loaded = datasets.load_from_disk(str(folder))
        else:
            loaded = datasets.load_dataset(name, config or None)
    except Exception as error:  # the hub, the network and the file formats fail in their own ways
        raise TwofoldError(
            f"'{data}' is no folder of images or file here, and no Hugging Face data set that can be loaded: "
            f"{str(error).partition(chr(10))[0]}"
        ) from None
    return dict(loaded) if isinstance(loaded, dict) else {"train": loaded}


def _listing(data: str, tables: dict[str, Any], stamp: str) -> Listing:
    paths: list[str] = []
    splits: list[str] = []
    names: list[str] = []
    places: list[tuple[Any, int]] = []
    others = []
    for part, table in tables.items():
        split = SPLITS.get(part.lower(), "train" if len(tables) == 1 else "")
        if not split:
            others.append((part, "a split that is neither train, validation, test nor unlabelled"))
            continue
        undecoded = _undecoded(data, table)
        width = len(str(len(table)))
        paths += [f"{part}/{row:0{width}d}" for row in range(len(table))]
        splits += [split] * len(table)
        names += _class_names(table)
        places += [(undecoded, row) for row in range(len(table))]
    classes, labels = numbered(names)

    def read(item: int) -> Content:
        table, row = places[item]
        content = next(iter(table[row].values()))
        return bytes(content["bytes"]) if content["bytes"] is not None else Path(content["path"]).read_bytes()

    return Listing(paths, [stamp] * len(paths), read, tuple(others), splits, labels.tolist(), classes)


def _undecoded(data: str, table: Any) -> Any:
    """The table with nothing but its images' files, as bytes or a path."""
    import datasets

    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            return table.select_columns([name]).cast_column(name, datasets.Image(decode=False))
    raise TwofoldError(f"'{data}' has no column of images, only: {', '.join(table.features)}")


def _class_names(table: Any) -> list[str]:
    """Class of each image by name, empty where it has none."""
    import datasets

    for name, feature in table.features.items():
        if isinstance(feature, datasets.ClassLabel):
            return ["" if label is None or label < 0 else feature.names[label] for label in table[name]]
    for name in ("label", "labels", "class", "target"):
        if name in table.features and table.features[name].dtype in ("string", "int64", "int32"):
            return ["" if label is None else str(label) for label in table[name]]
    return [""] * len(table)
