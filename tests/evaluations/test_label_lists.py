import dataclasses

import numpy as np
import pytest

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.places import cache_root
from twofold.evaluations._label_lists import Lists, draws, draws_of_share, keep_lists, read_lists


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Lists of one test are not those of another."""
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))


def write(folder, **lists):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{row}.png\n" for row in rows))
    return folder


def test_a_share_is_of_each_class_and_rounded_up():
    labels = np.repeat([0, 1, 2, 3], [1000, 101, 30, 5])
    for rows in draws_of_share(labels, 0.1, 10, seed=0):
        assert np.bincount(labels[rows]).tolist() == [100, 11, 3, 1]
        assert len(set(rows.tolist())) == len(rows)


def test_rounding_up_is_not_fooled_by_binary_fractions():
    """0.07 * 100 is a little more than 7."""
    (rows,) = draws_of_share(np.zeros(100, dtype=np.int64), 0.07, 1, seed=0)
    assert len(rows) == 7


def test_the_whole_share_is_everything():
    labels = np.arange(12) % 3
    (rows,) = draws_of_share(labels, 1.0, 1, seed=0)
    assert sorted(rows) == list(range(12))


def test_draws_of_a_share_differ_by_number_seed_and_share():
    labels = np.arange(300) % 3
    few, many = (draws_of_share(labels, 0.05, count, seed=0) for count in (3, 10))
    assert all((one == other).all() for one, other in zip(few, many, strict=False))
    assert len({tuple(rows) for rows in many}) == 10
    assert not (draws_of_share(labels, 0.05, 1, seed=1)[0] == few[0]).all()
    assert not (draws(labels, 5, 1, seed=0)[0] == few[0]).all()


def test_lists_are_paths_one_a_line(task):
    (rows,) = draws(task.fit.labels, 2, 1, seed=0)
    place = cache_root() / keep_lists(task, Lists({"per_class": 2}, [rows]))
    (file,) = place.iterdir()
    assert file.read_text().splitlines() == [f"{row}.png" for row in rows]


def test_what_is_kept_is_read_as_it_was(task):
    drawn = Lists({"share": 0.1}, draws_of_share(task.fit.labels, 0.1, 12, seed=0))
    place = cache_root() / keep_lists(task, drawn)
    (read,) = read_lists(place, task)
    assert read.about["lists"] == "share-0.1"
    assert all((one == other).all() for one, other in zip(read.draws, drawn.draws, strict=True))


def test_lists_that_are_there_are_not_written_again(task):
    lists = Lists({"per_class": 1}, draws(task.fit.labels, 1, 2, seed=0))
    place = cache_root() / keep_lists(task, lists)
    written = [file.stat().st_mtime_ns for file in sorted(place.iterdir())]
    assert cache_root() / keep_lists(task, lists) == place
    assert [file.stat().st_mtime_ns for file in sorted(place.iterdir())] == written


def test_other_labels_and_other_seeds_have_lists_of_their_own(task):
    lists = Lists({"per_class": 1}, draws(task.fit.labels, 1, 1, seed=0))
    other_labels = dataclasses.replace(task.fit, labels=task.fit.labels[::-1].copy())
    tasks = [task, dataclasses.replace(task, fit=other_labels), dataclasses.replace(task, seed=1)]
    assert len({keep_lists(each, lists) for each in tasks}) == 3


def test_each_folder_of_lists_is_a_figure(task, tmp_path):
    folder = write(tmp_path / "mine", one=[0, 1, 2], two=[3, 4, 5])
    write(folder / "more", only=range(30))
    first, second = read_lists(folder, task)
    assert (first.about["lists"], second.about["lists"]) == ("mine", "more")
    assert [rows.tolist() for rows in first.draws] == [[0, 1, 2], [3, 4, 5]]
    assert len(second.draws[0]) == 30


def test_empty_lines_and_the_line_ends_of_windows_are_no_matter(task, tmp_path):
    (tmp_path / "list.txt").write_bytes(b"0.png\r\n\r\n1.png\r\n2.png")
    assert read_lists(tmp_path, task)[0].draws[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([0, 1, 2, "x/7"], r"bad\.txt: 'x/7\.png' is none of the 90 images to fit on.*like '0\.png'"),
        ([0, 1, 3], r"bad\.txt has no image of 'cat'"),
        ([], r"no image of 'ant', 'bee', 'cat'"),
        ([0, 1, 2, 2], r"'2\.png' is named more than once"),
    ],
)
def test_a_list_that_does_not_fit_is_told(task, tmp_path, rows, told):
    write(tmp_path, bad=rows)
    with pytest.raises(TwofoldError, match=told):
        read_lists(tmp_path, task)


def test_lists_of_different_lengths_are_not_averaged(task, tmp_path):
    write(tmp_path, a=range(3), b=range(6))
    with pytest.raises(TwofoldError, match=r"a\.txt names 3 images and b\.txt 6.*folder of its own"):
        read_lists(tmp_path, task)


def test_a_folder_without_lists_is_told(task, tmp_path):
    with pytest.raises(UsageError, match="there is no list"):
        read_lists(tmp_path, task)
    with pytest.raises(UsageError, match="no such folder"):
        read_lists(tmp_path / "nowhere", task)
