"""What the names of folders say: which are splits, which are classes, which hold no photographs."""

from collections.abc import Sequence

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
_RUBBISH = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin"})
_ANNOTATIONS = frozenset(
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


def suffix_of(path: str) -> str:
    """Lower-case suffix of a path, as ``.jpg``, or nothing; ten times faster than PurePath."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return dot + suffix.lower() if stem else ""


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name belongs to the system, not to the data."""
    return name.startswith(".") or name.lower() in _RUBBISH


def images_among(paths: Sequence[str]) -> tuple[list[int], list[tuple[str, str]]]:
    """Positions of the image files among the files of a folder, and the others with the reason.

    Files without a suffix count as images here, because data sets without suffixes exist: only
    decoding tells. A folder ``masks``, ``labels`` ... that has an image of the same name as a folder
    beside it holds annotations.
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
    unless there is a ``train`` folder: then they are in no split.
    """
    depth = wrapping(paths)
    parents = [path.rpartition("/")[0] for path in paths]
    parsed = {parent: _split_and_folders(parent, depth) for parent in set(parents)}
    splits = [parsed[parent][0] for parent in parents]
    folders = [parsed[parent][1] for parent in parents]
    if "train" not in splits:
        splits = [split or "train" for split in splits]
    return splits, folders


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
    """Folders of annotations: called so, with an image elsewhere under their parent of the same name."""
    suspects, others = [], []
    for path in paths:
        *folders, file = path.split("/")
        level = next((i for i, folder in enumerate(folders) if folder.lower() in _ANNOTATIONS), None)
        stem = file.partition(".")[0]
        if level is None:
            others.append((folders, stem))
        else:
            suspects.append(("/".join(folders[:level]), stem, "/".join(folders)))
    if not suspects:
        return set()
    images = {("/".join(folders[:level]), stem) for folders, stem in others for level in range(len(folders))}
    return {folder for parent, stem, folder in suspects if (parent, stem) in images}
