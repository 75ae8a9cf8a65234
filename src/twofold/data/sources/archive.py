"""A zip or tar file of a folder of images."""

import zipfile
from pathlib import Path

from twofold.core.errors import UsageError
from twofold.data.archives import list_tar, list_zip
from twofold.data.listing import Origin, file_stamp, short_name


class Archive:
    """A zip or tar file (also .tar.gz, .tar.bz2, .tar.xz) of a folder of images; need not be unpacked."""

    def open(self, data: str) -> Origin:
        """Looks at the file's size and time; its members are listed when they are needed.

        Raises:
            UsageError: If there is no such file.
        """
        path = Path(data).expanduser().resolve()
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        lister = list_zip if zipfile.is_zipfile(path) else list_tar
        name = path.name.partition(".")[0] or path.name
        return Origin(short_name(name), str(path), file_stamp(path), lambda: lister(path))
