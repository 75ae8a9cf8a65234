"""A zip or tar file of a folder of images."""

from pathlib import Path

from twofold.core.errors import UsageError
from twofold.data.archives import lister_for
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
        lister = lister_for(path)
        if lister is None:
            raise UsageError(f"{path} is neither a zip nor a tar archive")
        name = path.name.partition(".")[0] or path.name
        return Origin(short_name(name), str(path), file_stamp(path), lambda: lister(path))
