"""From a folder to splits, and back again after anything happened to it."""

import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.source import Source
from twofold.data import pack, segment, store
from twofold.data.decode import Settings
from twofold.data.listing import list_arrays
from twofold.data.opening import range_text, settings_from
from twofold.data.screen import Screen

Fill = Callable[..., Path]
Open = Callable[..., Source]

LABELLED = [
    f"{split}/{kind}/{n}.png" for split in ("train", "val") for kind in ("cat", "dog") for n in range(3)
]


@pytest.fixture
def decoded_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the images that were really decoded, in place of counting on speed."""
    paths: list[str] = []
    fill = segment.fill

    def watched(path: Path, work: segment.Work, items: list[int], screen: object) -> segment.Filled:
        paths.extend(work.listing.paths[item] for item in items)
        return fill(path, work, items, screen)

    monkeypatch.setattr(pack, "fill", watched)
    return paths


def pixels(source: Source, split: str = "train") -> list[torch.Tensor]:
    images = source.splits[split]
    return list(images.read(np.arange(len(images))))


def test_a_folder_becomes_splits_with_the_pixels_of_its_files(
    tmp_path: Path, fill: Fill, opened: Open
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    source = opened(root)
    assert source.name == "pets"
    assert source.classes == ("cat", "dog")
    assert {name: len(images) for name, images in source.splits.items()} == {"train": 6, "val": 6}
    train = source.splits["train"]
    assert train.labels is not None
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for path, image in zip(train.paths, pixels(source), strict=True):
        assert np.array_equal(image, np.asarray(Image.open(root / path)))
    assert source.channels == 3
    assert source.size == 24


def test_mean_and_std_are_those_of_the_training_images(tmp_path: Path, fill: Fill, opened: Open) -> None:
    source = opened(fill(tmp_path / "pets", LABELLED))
    values = torch.stack(pixels(source)).double().div(255).flatten(0, 2)
    assert np.allclose(source.mean, values.mean(0), atol=1e-5)
    assert np.allclose(source.std, values.std(0, correction=0), atol=1e-4)


def test_images_of_one_size_are_read_as_a_tensor_others_as_a_list(
    tmp_path: Path, fill: Fill, opened: Open
) -> None:
    root = fill(tmp_path / "data", ["train/1.png", "train/2.png", "val/3.png"])
    fill(root, ["val/4.png"], start=9, height=40, width=30)
    source = opened(root)
    rows = np.array([1, 0, 1])
    batch = source.splits["train"].read(rows)
    assert isinstance(batch, torch.Tensor)
    assert batch.shape == (3, 24, 32, 3)
    assert torch.equal(batch[0], batch[2])
    ragged = source.splits["val"].read(rows)
    assert isinstance(ragged, list)
    assert [tuple(image.shape) for image in ragged] == [(40, 30, 3), (24, 32, 3), (40, 30, 3)]
    assert source.splits["val"].sizes.tolist() == [[24, 32], [40, 30]]


def test_what_was_read_may_be_changed_without_harm(tmp_path: Path, fill: Fill, opened: Open) -> None:
    images = opened(fill(tmp_path / "data", ["1.png", "2.png"])).splits["train"]
    before = images.read(np.array([0]))[0].clone()
    images.read(np.array([0]))[0].zero_()
    assert torch.equal(images.read(np.array([0]))[0], before)


def test_only_gray_images_make_one_channel_and_mixed_ones_three(
    tmp_path: Path, fill: Fill, opened: Open, photograph: Callable[..., np.ndarray]
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    gray = photograph(channels=1)
    Image.fromarray(gray).save(root / "gray.png")
    Image.fromarray(np.dstack([gray] * 3)).save(root / "gray_as_colour.png")
    source = opened(root)
    assert (source.channels, len(source.mean), len(source.std)) == (1, 1, 1)
    assert pixels(source)[1].shape == (24, 32, 1)
    fill(root, ["colour.png"])
    source = opened(root)
    assert (source.channels, len(source.mean)) == (3, 3)
    assert np.array_equal(pixels(source)[1], np.dstack([gray] * 3))


def test_a_second_start_decodes_nothing(
    tmp_path: Path, fill: Fill, opened: Open, decoded_paths: list[str]
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    first = opened(root)
    decoded_paths.clear()
    second = opened(root)
    assert decoded_paths == []
    assert second.fingerprint == first.fingerprint
    assert opened(root, labels="none").splits["train"].labels is None
    assert decoded_paths == []


def test_new_images_are_appended_and_gone_ones_left_out(
    tmp_path: Path, fill: Fill, opened: Open, decoded_paths: list[str]
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    opened(root)
    decoded_paths.clear()
    fill(root, ["train/cat/9.png", "train/bird/1.png"], start=50)
    (root / "val/dog/0.png").unlink()
    source = opened(root)
    assert sorted(decoded_paths) == ["train/bird/1.png", "train/cat/9.png"]
    assert source.classes == ("bird", "cat", "dog")
    assert len(source.splits["val"]) == 5
    for path, image in zip(source.splits["train"].paths, pixels(source), strict=True):
        assert np.array_equal(image, np.asarray(Image.open(root / path)))


def test_an_appended_store_is_the_same_data_as_a_fresh_one(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "pets", LABELLED[:-1])
    opened(root)
    fill(root, LABELLED[-1:], start=77)
    appended = opened(root)
    copy = tmp_path / "copy"
    root.rename(copy)
    assert opened(copy).fingerprint == appended.fingerprint


def test_a_changed_image_is_decoded_again(
    tmp_path: Path, fill: Fill, opened: Open, decoded_paths: list[str]
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    before = opened(root)
    decoded_paths.clear()
    fill(root, ["train/cat/1.png"], start=99)
    os.utime(root / "train/cat/1.png", ns=(1, 1))
    after = opened(root)
    assert decoded_paths == ["train/cat/1.png"]
    assert after.fingerprint != before.fingerprint
    assert np.array_equal(pixels(after)[1], np.asarray(Image.open(root / "train/cat/1.png")))


def test_a_store_that_is_mostly_outdated_is_written_anew(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    opened(root)
    for path in LABELLED[1:]:
        (root / path).unlink()
    opened(root)
    sizes = [path.stat().st_size for path in (tmp_path / "cache").rglob("*.seg")]
    assert sizes == [24 * 32 * 3]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("around", ["", "pets/"])
def test_an_archive_is_the_same_data_as_its_folder(
    kind: str, around: str, tmp_path: Path, fill: Fill, opened: Open
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    archive = tmp_path / f"pets.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path in reversed(LABELLED):
                file.write(root / path, around + path)
    else:
        with tarfile.open(archive, f"w:{kind[4:]}") as file:
            for path in reversed(LABELLED):
                file.add(root / path, around + path)
    folder, packed = opened(root), opened(archive)
    assert packed.fingerprint == folder.fingerprint
    assert packed.name == folder.name
    assert all(torch.equal(a, b) for a, b in zip(pixels(folder), pixels(packed), strict=True))


def test_the_fingerprint_tells_apart_what_matters(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    prints = {opened(root).fingerprint, opened(root, labels="none").fingerprint}
    prints.add(opened(root, store_size=8).fingerprint)
    table = tmp_path / "labels.csv"
    for label in ("ab", "ba"):
        table.write_text(f"train/cat/0.png,{label[0]}\ntrain/dog/0.png,{label[1]}\n")
        prints.add(opened(root, labels=str(table)).fingerprint)
    (root / "train/cat/0.png").rename(root / "train/dog/7.png")
    prints.add(opened(root).fingerprint)
    (root / "train/dog/7.png").rename(root / "val/dog/7.png")
    prints.add(opened(root).fingerprint)
    assert len(prints) == 7


def test_stored_images_are_shrunk_to_what_the_views_need(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "data", ["1.png", "2.png"], height=300, width=400)
    assert opened(root).splits["train"].sizes.tolist() == [[256, 341]] * 2
    assert opened(root, size=112).splits["train"].sizes.tolist() == [[128, 171]] * 2
    assert opened(root, store_size=30).splits["train"].sizes.tolist() == [[30, 40]] * 2


def test_where_raw_pixels_do_not_fit_jpeg_is_kept(
    tmp_path: Path,
    fill: Fill,
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pack, "_RAW_LIMIT", 10_000)
    root = fill(tmp_path / "data", [f"{n}.png" for n in range(8)], height=60, width=80)
    Image.fromarray(np.full((60, 80), 90, np.uint8)).save(root / "gray.png")
    source = opened(root)
    assert ", jpeg)" in capsys.readouterr().err
    for path, image in zip(source.splits["train"].paths, pixels(source), strict=True):
        twin = np.asarray(Image.open(root / path).convert("RGB")).astype(int)
        assert np.abs(image.numpy() - twin).mean() < 4
    [file] = (tmp_path / "cache").rglob("*.seg")
    assert file.stat().st_size < 9 * 60 * 80 * 3 / 2


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_reads_what_is_kept_as_jpeg(
    tmp_path: Path, fill: Fill, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "_RAW_LIMIT", 0)
    images = opened(fill(tmp_path / "data", ["1.png", "2.png"])).splits["train"]
    images.read(np.arange(2))
    child = os.fork()
    if not child:
        signal.alarm(20)  # its parent's threads would be waited for without an end
        try:
            images.read(np.arange(2))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, fill: Fill, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "_DISK_MARGIN", 1 << 60)
    with pytest.raises(TwofoldError, match="TWOFOLD_CACHE"):
        opened(fill(tmp_path / "data", ["1.png"]))
    assert not list((tmp_path / "cache").rglob("*.seg"))


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, fill: Fill, opened: Open) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(TwofoldError, match="cannot write decoded images"):
        opened(fill(tmp_path / "data", ["1.png"]))


def test_broken_and_foreign_files_are_skipped_counted_and_listed(
    tmp_path: Path, fill: Fill, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fill(tmp_path / "data", [f"{n}.png" for n in range(5)])
    (root / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (root / "notes.txt").write_text("hello")
    (root / "LICENSE").write_text("free")
    (root / ".DS_Store").write_text("hidden")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX/0.png").write_text("hidden")
    (root / "Thumbs.db").write_text("hidden")
    fill(root, ["lost+found/6.png", "@eaDir/7.png", "System Volume Information/8.png"])
    for _ in range(2):
        source = opened(root)
        assert len(source.splits["train"]) == 5
        assert {path for path, _ in source.skipped} == {"cut.jpg", "notes.txt", "LICENSE"}
        assert dict(source.skipped)["notes.txt"] == "not an image"
        assert "skipped 3 files" in capsys.readouterr().err


def test_an_unreadable_file_is_skipped_not_fatal(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "data", ["1.png", "2.png"])
    (root / "gone.png").symlink_to(root / "nowhere.png")
    (root / "itself.png").symlink_to(root / "itself.png")
    (root / "loop").symlink_to(root)
    source = opened(root)
    assert len(source.splits["train"]) == 2
    assert "No such file" in dict(source.skipped)["gone.png"]
    assert "symbolic links" in dict(source.skipped)["itself.png"]


@pytest.mark.parametrize("beside", ["views.png", "log.jsonl", "last.ckpt", "encoder.safetensors"])
@pytest.mark.parametrize("packed", [False, True])
def test_runs_inside_of_the_data_are_no_data(
    beside: str, packed: bool, tmp_path: Path, fill: Fill, opened: Open
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    before = opened(root)
    run = "runs/2026-01-01-simclr-pets-s0-01234567"
    fill(root, [f"{run}/views.png", f"{run}/artefacts/knn-neighbours.png"])
    (root / run / "spec.json").write_text("{}")
    (root / run / beside).touch()
    data = root
    if packed:
        data = tmp_path / "pets.tar"
        with tarfile.open(data, "w") as file:
            file.add(root, ".")
    after = opened(data)
    assert after.classes == ("cat", "dog")
    assert after.fingerprint == before.fingerprint
    assert not after.skipped


def test_splits_below_classes_are_told(
    tmp_path: Path, fill: Fill, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fill(tmp_path / "pets", ["cat/train/1.png", "cat/test/2.png", "dog/train/3.png"])
    assert len(opened(root).splits["train"]) == 3
    assert "the folders test, train lie below others and are no splits there" in capsys.readouterr().err


def test_a_pascal_voc_folder_is_an_unlabelled_set(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "voc", [f"BCCD/JPEGImages/{n}.png" for n in range(3)])
    (root / "BCCD/Annotations").mkdir()
    for n in range(3):
        (root / f"BCCD/Annotations/{n}.xml").write_text("<annotation/>")
    source = opened(root)
    assert source.classes == ()
    assert source.splits["train"].labels is None
    assert len(source.skipped) == 3


def test_no_usable_image_is_an_error_that_says_so(tmp_path: Path, opened: Open) -> None:
    root = tmp_path / "data"
    root.mkdir()
    with pytest.raises(TwofoldError, match=r"no usable image in .*data: 0 other files"):
        opened(root)
    (root / "a.txt").write_text("no")
    (root / "b.jpg").write_text("no")
    with pytest.raises(
        TwofoldError, match=r"1 other files, 1 broken images \(b.jpg: not recognised as an image\)"
    ):
        opened(root)


def test_more_than_half_broken_is_an_error_that_names_some(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "data", ["1.png", "2.png"])
    for n in range(3):
        (root / f"broken{n}.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(TwofoldError, match=r"3 of the 5 images in .* are broken \(broken0.jpg: "):
        opened(root)
    assert not list((tmp_path / "cache").rglob("*.seg"))


def test_16_bit_images_take_the_range_of_the_data_and_say_so(
    tmp_path: Path, opened: Open, capsys: pytest.CaptureFixture[str], decoded_paths: list[str]
) -> None:
    root = tmp_path / "scans"
    root.mkdir()
    for n, top in enumerate((1000, 4095)):
        Image.fromarray(np.linspace(0, top, 64).reshape(8, 8).astype(np.uint16)).save(root / f"{n}.tif")
    source = opened(root)
    assert "--range 0:4095" in capsys.readouterr().err
    assert [int(image.max()) for image in pixels(source)] == [62, 255]
    explicit = opened(root, value_range="0:65535")
    assert [int(image.max()) for image in pixels(explicit)] == [4, 16]

    decoded_paths.clear()
    Image.fromarray(np.full((8, 8), 2000, np.uint16)).save(root / "2.tif")
    assert int(pixels(opened(root))[2].max()) == round(2000 / 4095 * 255)
    assert decoded_paths == ["2.tif"]

    Image.fromarray(np.full((8, 8), 40_950, np.uint16)).save(root / "3.tif")
    assert [int(image.max()) for image in pixels(opened(root))] == [6, 26, 12, 255]


@pytest.mark.parametrize("changed", [False, True])
def test_after_an_outlier_of_16_bits_is_gone_the_data_is_that_of_a_fresh_store(
    changed: bool, tmp_path: Path, opened: Open, decoded_paths: list[str]
) -> None:
    root = tmp_path / "scans"
    root.mkdir()
    for n, top in enumerate((1000, 2000, 4000, 60_000)):
        Image.fromarray(np.linspace(0, top, 64).reshape(8, 8).astype(np.uint16)).save(root / f"{n}.tif")
    opened(root)
    decoded_paths.clear()
    outlier = root / "3.tif"
    outlier.unlink()
    if changed:
        Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(outlier)
    kept = opened(root)
    assert [int(image.max()) for image in pixels(kept)] == [64, 128, 255] + [255] * changed
    copy = tmp_path / "copy"
    root.rename(copy)
    assert opened(copy).fingerprint == kept.fingerprint

    opened(copy, value_range="0:5000")
    decoded_paths.clear()
    (copy / "2.tif").unlink()
    opened(copy, value_range="0:5000")
    assert decoded_paths == []


def test_the_range_of_the_data_itself_asked_for_is_not_decoded_again(
    tmp_path: Path, opened: Open, capsys: pytest.CaptureFixture[str], decoded_paths: list[str]
) -> None:
    root = tmp_path / "scans"
    root.mkdir()
    Image.fromarray(np.linspace(0, 1.1, 64, dtype=np.float32).reshape(8, 8)).save(root / "1.tif")
    own = opened(root)
    decoded_paths.clear()
    assert opened(root, value_range=range_text(own.value_range)).fingerprint == own.fingerprint
    assert decoded_paths == []
    capsys.readouterr()
    assert opened(root, value_range="0:2").value_range == (0, 2)
    told = "black is 0, white 2; their own values go from 0 to 1.1 (--range 0:1.1)"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("ends", [(0.0, 4095.0), (-1e30, 0.1), (float(np.float32(0.1)), 65_537.0)])
def test_a_range_survives_being_written(ends: tuple[float, float]) -> None:
    assert settings_from(None, None, range_text(ends)).value_range == ends


def test_where_there_is_no_range_none_is_written() -> None:
    assert range_text(None) is None
    assert range_text((7.0, 7.0)) is None


def test_the_size_of_16_bit_images_kept_as_jpeg_is_foretold(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    arrays = [draw.integers(0, top, (64, 64), np.uint16) for top in (4000, 60_000)]
    listing = list_arrays({"train": (np.stack(arrays), None)}, (), "")
    work = segment.Work(listing, Settings(64), "jpeg")
    foretold = segment.average_length(work, [0, 1], Screen(False))
    assert 2 * foretold == segment.fill(tmp_path / "some.seg", work, [0, 1], Screen(False)).length


@pytest.mark.parametrize("text", ["4095", "5:5", "9:1", "a:b", ""])
def test_a_range_that_is_none_is_a_misuse(text: str, tmp_path: Path, fill: Fill, opened: Open) -> None:
    with pytest.raises(UsageError, match="--range"):
        opened(fill(tmp_path / "data", ["1.png"]), value_range=text)


@pytest.mark.parametrize("sizes", [{"size": 0}, {"store_size": -3}])
def test_a_size_that_is_none_is_a_misuse(
    sizes: dict[str, int], tmp_path: Path, fill: Fill, opened: Open
) -> None:
    with pytest.raises(UsageError, match="at least 1 pixel"):
        opened(fill(tmp_path / "data", ["1.png"]), **sizes)


def test_labels_from_a_table_and_demanded_folders(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "data", ["a/1.png", "b/2.png", "3.png"])
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na/1.png,wolf\n3.png,fox\n")
    labels = opened(root, labels=str(table)).splits["train"].labels
    assert labels is not None
    assert labels.tolist() == [0, 1, -1]
    assert opened(root).classes == ()
    demanded = opened(root, labels="folders")
    assert demanded.classes == ("a", "b")
    assert demanded.splits["train"].labels.tolist() == [-1, 0, 1]
    flat = fill(tmp_path / "flat", ["1.png"])
    with pytest.raises(UsageError, match="at least two folders"):
        opened(flat, labels="folders")


@pytest.mark.parametrize("damage", ["cut_segment", "cut_index", "no_index", "other_version"])
def test_a_damaged_store_is_written_anew(
    damage: str, tmp_path: Path, fill: Fill, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "pets", LABELLED)
    before = opened(root)
    whole = {split: pixels(before, split) for split in ("train", "val")}
    [segment_file], [index] = (tmp_path / "cache").rglob("*.seg"), (tmp_path / "cache").rglob("index.npz")
    if damage == "cut_segment":
        segment_file.write_bytes(segment_file.read_bytes()[:-1])
    elif damage == "cut_index":
        index.write_bytes(index.read_bytes()[:200])
    elif damage == "no_index":
        index.unlink()
    else:
        monkeypatch.setattr(store, "_VERSION", 999)
    after = opened(root)
    assert after.fingerprint == before.fingerprint
    assert all(all(map(torch.equal, whole[split], pixels(after, split))) for split in whole)


SLOW_PACK = """
import sys, time
from pathlib import Path
from twofold.data import decode, segment
from twofold.data import open_source

real = segment.decode
def slow(content, settings):
    decoded = real(content, settings)
    if list(Path(sys.argv[2]).rglob(".*.part")):
        time.sleep(0.2)
    return decoded
segment.decode = slow
open_source(sys.argv[1], cache=sys.argv[2])
"""


def test_a_killed_pack_leaves_no_half_valid_cache(
    tmp_path: Path, fill: Fill, opened: Open, decoded_paths: list[str]
) -> None:
    root, cache = fill(tmp_path / "pets", LABELLED[:6]), tmp_path / "cache"
    before = opened(root)
    fill(root, LABELLED[6:] + [f"train/cat/{n}.png" for n in range(100, 300)], start=40)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_PACK, str(root), str(cache)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not list(cache.rglob(".*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    [left] = cache.rglob(".*.part")
    [folder] = (cache / "stores").iterdir()
    kept = store.open_store(folder)
    assert kept is not None
    assert len(kept) == 6

    decoded_paths.clear()
    after = opened(root)
    assert len(decoded_paths) == 206
    assert len(after.splits["train"]) == 206
    old = dict(zip(before.splits["train"].paths, pixels(before), strict=True))
    new = dict(zip(after.splits["train"].paths, pixels(after), strict=True))
    assert all(torch.equal(new[path], old[path]) for path in old)
    os.utime(left, (1, 1))
    fill(root, ["train/dog/500.png"], start=500)
    opened(root)
    assert not left.exists()


def test_images_whose_disk_failed_are_tried_again(
    tmp_path: Path, photograph: Callable[..., np.ndarray], opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        Image.fromarray(photograph(number)).save(tmp_path / f"{number}.png")
    read = Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.name == "2.png":
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    first = opened(tmp_path)
    assert len(first.splits["train"]) == 3
    assert first.skipped == (("2.png", "cannot be read now: Input/output error"),)
    assert opened(tmp_path).fingerprint == first.fingerprint
    monkeypatch.undo()
    assert len(opened(tmp_path).splits["train"]) == 4
