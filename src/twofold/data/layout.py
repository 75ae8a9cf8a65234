"""What the names of folders say: which are splits, which are classes, which hold no photographs."""

from collections import Counter
from collections.abc import Iterable, Sequence

SPLITS = {
    "train": "train",
    "training": "train",
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
"""Names of folders that are splits, in lower case."""

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


def images_among(paths: Sequence[str]) -> tuple[list[int], list[tuple[str, str]]]:
    """Positions of the image files among the files of a folder, and the others with the reason.

    Files without a suffix count as images here, because data sets without suffixes exist: only
    decoding tells. A folder ``masks``, ``labels`` ... holds annotations where a folder beside it has
    images of the same names as at least half of those in it.
    """
    named = [i for i, path in enumerate(paths) if _may_be_image(path)]
    annotations = _annotation_folders([paths[i] for i in named])
    images, others = [], []
    chosen = set(named)
    for position, path in enumerate(paths):
        if position not in chosen:
            others.append((path, "not an image"))
        elif path.rpartition("/")[0] in annotations:
            others.append((path, "an annotation: an image beside this folder has the same name"))
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
        if one != other or one.lower() in SPLITS:
            break
        depth += 1
    return depth


def splits_of(paths: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """The split of each image (empty where it is in none) and the folders below it.

    Folders called ``train``, ``val`` ... at the top are splits. Images outside of them are ``train``,
    unless there is a ``train`` folder: then they are in no split. A few images above the one folder that
    holds the splits are in none either.
    """
    depth = _around_splits(paths)
    parents = [path.rpartition("/")[0] for path in paths]
    parsed = {parent: _split_and_folders(parent, depth) for parent in set(parents)}
    splits = [parsed[parent][0] for parent in parents]
    folders = [parsed[parent][1] for parent in parents]
    if "train" not in splits:
        inside = [path.count("/") >= depth for path in paths]
        splits = [split or ("train" if within else "") for split, within in zip(splits, inside, strict=True)]
    return splits, folders


def inner_splits(folders: Sequence[list[str]]) -> list[str]:
    """Names of two splits or more that folders further down have, as in ``cat/train`` and ``cat/test``."""
    names = {name for each in set(map(tuple, folders)) for name in each if name.lower() in SPLITS}
    return sorted(names) if len({SPLITS[name.lower()] for name in names}) > 1 else []


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
    return any(folder.split("/")[depth].lower() in SPLITS for folder in folders)


def _split_and_folders(parent: str, depth: int) -> tuple[str, list[str]]:
    inner = parent.split("/")[depth:] if parent else []
    split = SPLITS.get(inner[0].lower(), "") if inner else ""
    return split, inner[1:] if split else inner


def class_folders(
    splits: Sequence[str], folders: Sequence[list[str]], *, allow_strays: bool = False
) -> list[str]:
    """The class folder of each image, empty where it has none.

    The first level of folders on which the images differ names the classes. A split with an image
    directly in it has no classes, unless strays are allowed: then only that image has none.
    """
    flat = {split for split, folder in zip(splits, folders, strict=True) if not folder}
    without = {"", "unlabelled"} | (set() if allow_strays else flat)
    labelled = [bool(folder) and split not in without for split, folder in zip(splits, folders, strict=True)]
    level = 0
    while True:
        names = [f[level] if has and len(f) > level else "" for f, has in zip(folders, labelled, strict=True)]
        found = {name for name, has in zip(names, labelled, strict=True) if has}
        strays = "" in found
        if len(found - {""}) > 1 and (allow_strays or not strays):
            return names
        if strays or not found:
            return [""] * len(names)
        level += 1


def _may_be_image(path: str) -> bool:
    suffix = suffix_of(path)
    return suffix in _SUFFIXES or not suffix


def _annotation_folders(paths: Sequence[str]) -> set[str]:
    """Folders called so, half of whose images have one of the same name elsewhere under their parent.

    ``mask`` and ``label`` may well be classes: there the other has to be of another format, or in a
    folder of photographs.
    """
    suspects, others = [], []
    for path in paths:
        *folders, file = path.split("/")
        lower = [folder.lower() for folder in folders]
        level = next((i for i, folder in enumerate(lower) if folder in ANNOTATIONS), None)
        stem = file.partition(".")[0]
        if level is None:
            others.append((folders, lower, stem, suffix_of(path)))
        else:
            own = suffix_of(path) if lower[level] in _OFTEN_CLASSES else None
            suspects.append(("/".join(folders[:level]), stem, own, "/".join(folders)))
    if not suspects:
        return set()
    beside: dict[tuple[str, str], set[str]] = {}
    for folders, lower, stem, suffix in others:
        for level in range(len(folders)):
            kind = "photograph" if _PHOTOGRAPHS.intersection(lower[level:]) else suffix
            beside.setdefault(("/".join(folders[:level]), stem), set()).add(kind)
    all_in = Counter(folder for *_, folder in suspects)
    paired = Counter(
        folder for parent, stem, own, folder in suspects if beside.get((parent, stem), set()) - {own}
    )
    return {folder for folder, count in all_in.items() if 2 * paired[folder] >= count}
