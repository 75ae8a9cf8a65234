"""What the names of folders say: which are splits, which are folds, which hold no photographs."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

SPLITS = {
    "train": "train",
    "training": "train",
    "labelled": "train",
    "labeled": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "unlabelled": "unlabelled",
    "unlabeled": "unlabelled",
    "unsup": "unlabelled",
    "unsupervised": "unlabelled",
}
"""Words that name a split, in lower case."""

_ONLY_BESIDE_SPLITS = frozenset({"labelled", "labeled"})

_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".dib",
        ".gif",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    ]
)
_RUBBISH = frozenset(
    [
        "__macosx",
        "thumbs.db",
        "desktop.ini",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "@eadir",
    ]
)
_SPEC = "spec.json"
_RUN_FILES = (_SPEC, "log.jsonl", "views.png", "last.ckpt", "encoder.safetensors")
ANNOTATIONS = frozenset(
    [
        "mask",
        "masks",
        "annotation",
        "annotations",
        "label",
        "labels",
        "segmentation",
        "segmentations",
        "segmentationclass",
        "segmentationobject",
        "groundtruth",
        "ground_truth",
        "gt",
        "trimap",
        "trimaps",
    ]
)
"""Names of folders that hold no photographs but what is to be seen in them, in lower case."""

_OFTEN_CLASSES = frozenset({"mask", "label"})
_FOLD = re.compile(r"(k[\W_]*)?folds?[\W_]*\d+|\d+[\W_]*folds?", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])")
_PHOTOGRAPHS = frozenset(
    [
        "images",
        "image",
        "img",
        "imgs",
        "jpegimages",
        "photos",
        "pictures",
        "rgb",
        "frames",
        "input",
        "inputs",
    ]
)
_SAY_NOTHING = _PHOTOGRAPHS | {"set", "data", "dataset"}


def suffix_of(path: str) -> str:
    """Lower-case suffix of a path, as ``.jpg``, or nothing; ten times faster than PurePath."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return dot + suffix.lower() if stem else ""


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name belongs to the system, not to the data."""
    return name.startswith(".") or name.lower() in _RUBBISH


def run_folders(paths: Iterable[str]) -> tuple[str, ...]:
    """Folders, each with a ``/`` at its end, that hold a run of Twofold; never the top itself."""
    found: dict[str, set[str]] = {}
    for path in paths:
        if path.endswith(_RUN_FILES):
            folder, _, file = path.rpartition("/")
            found.setdefault(folder, set()).add(file)
    runs = {
        folder
        for folder, files in found.items()
        if _SPEC in files and len(files.intersection(_RUN_FILES)) > 1
    }
    return tuple(f"{folder}/" for folder in runs if folder)


def split_named(name: str) -> str:
    """The split that a name says, numbers and words as ``images`` aside; empty where it says none.

    So do ``Train``, ``train2017``, ``test-set`` and ``imagesVal``; ``bullet train`` and ``train_val`` do not.
    """
    named = {SPLITS.get(word, "") for word in _words(name) if word not in _SAY_NOTHING}
    return named.pop() if len(named) == 1 else ""


def is_fold(name: str) -> bool:
    """Whether a folder of this name is a fold of a cross-validation, as ``fold1`` and ``Fold_02`` are."""
    return _FOLD.fullmatch(name) is not None


def images_among(paths: Sequence[str]) -> tuple[list[int], list[tuple[str, str]]]:
    """Positions of the image files among the files of a folder, and the others with the reason.

    Files without a suffix count as images here, because data sets without suffixes exist: only
    decoding tells. A folder ``masks``, ``train_labels`` ... holds annotations where a folder of photographs
    (``images``, ``train`` ...) lies beside it, or any that has images of the same names as half of its own.
    """
    named = [i for i, path in enumerate(paths) if _may_be_image(path)]
    annotations = _annotation_folders([paths[i] for i in named])
    images, others = [], []
    chosen = set(named)
    for position, path in enumerate(paths):
        if position not in chosen:
            others.append((path, "not an image"))
        elif path.rpartition("/")[0] in annotations:
            others.append((path, "an annotation: its folder is called so and lies beside the images"))
        else:
            images.append(position)
    return images, others


def wrapping(paths: Sequence[str]) -> int:
    """How many folders around all images say nothing: ``data/photos/train/cat/1.jpg`` has two."""
    if not paths:
        return 0
    first, last = min(paths).split("/")[:-1], max(paths).split("/")[:-1]
    depth = 0
    for one, other in zip(first, last, strict=False):
        if one != other or split_named(one):
            break
        depth += 1
    return depth


def splits_of(paths: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The split of each image (empty where it is in none) and the folders below it.

    Folders called ``train``, ``val`` ... at the top are splits, ``labelled`` only beside others.
    Images outside of them are ``train``, unless there is a ``train`` folder: then they are in no split. A few
    images above the one folder that holds the splits are in none either.
    """
    depth = _around_splits(paths)
    parents = [path.rpartition("/")[0] for path in paths]
    parsed = {parent: _split_and_folders(parent, depth) for parent in set(parents)}
    if any(split for split, _ in parsed.values()):
        parsed = {parent: _split_and_folders(parent, depth, beside_splits=True) for parent in parsed}
    splits = [parsed[parent][0] for parent in parents]
    folders = [parsed[parent][1] for parent in parents]
    if "train" not in splits:
        inside = [path.count("/") >= depth for path in paths]
        splits = [split or ("train" if within else "") for split, within in zip(splits, inside, strict=True)]
    return splits, folders


def inner_splits(folders: Sequence[list[str]]) -> list[str]:
    """Names of two splits or more that folders further down have, as in ``cat/train`` and ``cat/test``."""
    names = {name for each in set(map(tuple, folders)) for name in each if split_named(name)}
    return sorted(names) if len(set(map(split_named, names))) > 1 else []


def _around_splits(paths: Sequence[str]) -> int:
    """How many folders are around the splits, a few images above all of them aside."""
    depth = wrapping(paths)
    images = Counter(path[: path.rfind("/") + 1] for path in paths)
    below = [folder for folder in images if folder.count("/") > depth]
    deeper = wrapping(below)
    if 2 * sum(images[folder] for folder in below) <= len(paths) or _has_splits(below, depth):
        return depth
    return deeper if _has_splits(below, deeper) else depth


def _has_splits(folders: Sequence[str], depth: int) -> bool:
    return any(split_named(folder.split("/")[depth]) for folder in folders)


def _split_and_folders(parent: str, depth: int, *, beside_splits: bool = False) -> tuple[str, list[str]]:
    inner = parent.split("/")[depth:] if parent else []
    split = split_named(inner[0]) if inner else ""
    if split and not beside_splits and _ONLY_BESIDE_SPLITS.intersection(_words(inner[0])):
        split = ""
    return split, inner[1:] if split else inner


def _may_be_image(path: str) -> bool:
    suffix = suffix_of(path)
    return suffix in _SUFFIXES or not suffix


@cache
def _words(name: str) -> tuple[str, ...]:
    """Words of a name in lower case, without numbers: ``trainImages_2017`` has train and images."""
    return tuple(word.lower() for word in _BETWEEN_WORDS.split(name) if word)


def _kind_of_annotation(name: str) -> str:
    """What a folder's name says it holds beside splits, as ``masks`` in ``train_masks``; else nothing."""
    kind = "".join(word for word in _words(name) if word not in SPLITS and word not in _SAY_NOTHING)
    return kind if kind in ANNOTATIONS else ""


def _says_photographs(name: str) -> bool:
    words = _words(name)
    return bool(words) and all(word in SPLITS or word in _SAY_NOTHING for word in words)


def _annotation_folders(paths: Sequence[str]) -> set[str]:
    """Folders called so that lie beside one of photographs, or half of whose images have a namesake.

    A namesake is an image of the same name elsewhere under their parent. ``mask`` and ``label`` may well be
    classes: there it has to be of another format, or in a folder of photographs.
    """
    levels: dict[str, int] = {}
    above_photographs: set[str] = set()
    for folder in {path.rpartition("/")[0] for path in paths}:
        parts = folder.split("/")
        level = next((i for i, part in enumerate(parts) if _kind_of_annotation(part)), None)
        if level is not None:
            levels[folder] = level
        else:
            above = ("/".join(parts[:i]) for i, part in enumerate(parts) if _says_photographs(part))
            above_photographs.update(above)
    return {
        folder for folder, level in levels.items() if "/".join(folder.split("/")[:level]) in above_photographs
    } | _with_namesakes(paths, levels)


def _with_namesakes(paths: Sequence[str], levels: Mapping[str, int]) -> set[str]:
    if not levels:
        return set()
    suspects = []
    beside: dict[tuple[str, str], set[str]] = {}
    for path in paths:
        folder, _, file = path.rpartition("/")
        parts, stem, suffix = folder.split("/") if folder else [], file.partition(".")[0], suffix_of(path)
        if (level := levels.get(folder)) is not None:
            own = suffix if _kind_of_annotation(parts[level]) in _OFTEN_CLASSES else None
            suspects.append(("/".join(parts[:level]), stem, own, folder))
            continue
        lower = [part.lower() for part in parts]
        for level in range(len(parts) + 1):
            kind = "photograph" if _PHOTOGRAPHS.intersection(lower[level:]) else suffix
            beside.setdefault(("/".join(parts[:level]), stem), set()).add(kind)
    all_in = Counter(folder for *_, folder in suspects)
    paired = Counter(
        folder for parent, stem, own, folder in suspects if beside.get((parent, stem), set()) - {own}
    )
    return {folder for folder, count in all_in.items() if 2 * paired[folder] >= count}
