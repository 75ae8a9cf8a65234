"""What the user's DATA means: a path, a Hugging Face data set, or a name."""

import re
from pathlib import Path

from twofold.core.errors import TwofoldError, UsageError, nearest
from twofold.core.registry import find, names
from twofold.data.archives import lister_for
from twofold.data.listing import Origin

_ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz"})
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")


def find_origin(data: str) -> Origin:
    """The origin that DATA names. A path that exists wins over a name.

    Raises:
        UsageError: If there is nothing of that name, or the file is none that is read.
        TwofoldError: If it is there and cannot be opened, or cannot be downloaded.
    """
    path = Path(data).expanduser()
    kind = _kind_of_path(path) if path.exists() else _kind_of_name(data)
    origin: Origin = find("data", kind)().open(data)
    return origin


def _kind_of_path(path: Path) -> str:
    if path.is_dir():
        return "huggingface" if _is_saved_dataset(path) else "folder"
    if path.suffix.lower() in (".npy", ".npz"):
        return "arrays"
    if lister_for(path) is not None:
        return "archive"
    if path.suffix.lower() in _ARCHIVES:
        raise TwofoldError(f"{path} is damaged or incomplete; copy or download it again")
    raise UsageError(f"{path} is neither a folder, a zip or tar archive, nor an .npy or .npz file")


def _is_saved_dataset(folder: Path) -> bool:
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


def _kind_of_name(data: str) -> str:
    owner = Path(data).parent
    if data.startswith("hf:") or (_HUB_ID.fullmatch(data) and not owner.exists()):
        return "huggingface"
    if data not in names("data"):
        raise UsageError(
            f"there is no file, folder or data set called '{data}'{nearest(data, names('data'))} "
            "(names: twofold list data)"
        )
    return data
