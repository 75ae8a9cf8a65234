import os

import pytest

from twofold.core.files import remove_leftovers, write_aside, write_text


def test_a_failed_write_leaves_what_was_there_and_nothing_else(tmp_path):
    file = tmp_path / "some.txt"
    write_text(file, "old")
    with pytest.raises(ZeroDivisionError), write_aside(file) as aside:
        aside.write_text("new")
        1 / 0  # noqa: B018
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["some.txt"]


def test_writers_of_one_file_never_share_what_they_write_aside(tmp_path):
    """Processes in two containers may have the same id."""
    file = tmp_path / "some.txt"
    with write_aside(file) as one, write_aside(file) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert file.read_text() == "one"


def test_a_full_disk_is_said_of_the_file_that_was_wanted(tmp_path):
    with pytest.raises(OSError, match="No space left") as full, write_aside(tmp_path / "some.txt"):
        descriptor = os.open("/dev/full", os.O_WRONLY)
        try:
            os.write(descriptor, b"content")
        finally:
            os.close(descriptor)
    assert full.value.filename == str(tmp_path / "some.txt")


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / ".last.ckpt.123.part").write_text("half")
    folder = tmp_path / ".animals.7.part"
    folder.mkdir()
    (folder / "file").write_text("half")
    (tmp_path / "last.ckpt").write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
