"""A folder of image files."""

from pathlib import Path

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.listing import Origin, short_name
from twofold.data.listings import list_folder
from twofold.data.scan import scan, whole_stamp


class Folder:
    """A folder of images, nested in any way; folders called train, val, test, unlabelled are splits."""

    def open(self, data: str) -> Origin:
        """Scans the folder.

        Raises:
            UsageError: If there is none.
            TwofoldError: If it cannot be read.
        """
        root = Path(data).expanduser().resolve()
        if not root.is_dir():
            raise UsageError(f"there is no folder {root}")
        try:
            files = scan(root)
        except OSError as error:
            raise TwofoldError(f"{error.filename} cannot be read: {error.strerror}") from None
        return Origin(short_name(root.name), str(root), whole_stamp(files), lambda: list_folder(root, files))
