"""YAML files of options that mean harm, or are none."""

import numpy as np
import pytest

from twofold.cli import main

LAUGHS = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8))
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAUGHS, "aliases (*a0) have no use among options"),
        ("method: &again {deeper: *again}", "aliases"),
        ("method: !!python/object/apply:os.system [echo ran code]", "is no YAML file of options"),
        ("lr: !!python/name:os.system", "is no YAML file of options"),
        ("recipe: " + "[" * 10_000, "more than 20 collections inside each other"),
        ("recipe: " + "{a: " * 10_000, "more than 20 collections inside each other"),
        ("#" * (2 << 20), "is larger than any file of options"),
        ("- simclr\n- byol\n", "it needs lines of 'name: value'"),
        ("simclr", "it needs lines of 'name: value'"),
        ("# nothing", "it needs lines of 'name: value'"),
        ("1: 2", "it needs lines of 'name: value'"),
        ("method: [", "is no YAML file of options"),
        (b"\xff\xfe\0", "cannot be read"),
    ],
)
def test_a_hostile_or_broken_file_is_one_line_and_status_2(text, told, images, tmp_path, capfd):
    file = tmp_path / "options.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    for command in (["pretrain"], ["distill", "--teacher", "none"]):
        assert main([*command, str(images), "--config", str(file), "--dry-run"]) == 2
        shown = capfd.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert told in shown.err


@pytest.mark.parametrize("told", ["5", "[5]", "file.yaml"])
def test_a_protocol_without_options_is_one_line_and_status_2(told, images, tmp_path, capfd):
    file = tmp_path / "options.yaml"
    file.write_text(f"knn: {told}\n")
    assert main(["evaluate", "pixels", "--data", str(images), "--config", str(file)]) == 2
    assert "knn takes options, as 'knn: {neighbours: ...}'" in capfd.readouterr().err
