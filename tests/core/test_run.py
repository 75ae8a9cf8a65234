"""A run folder that was killed at a bad moment, or that somebody has damaged."""

import dataclasses
import json

import pytest

from twofold.core.errors import TwofoldError
from twofold.core.run import Run, RunFolder

RUN = Run(
    method={"name": "simclr", "revision": 1, "arguments": {}},
    encoder={"name": "resnet18_w4"},
    data={"name": "cats", "fingerprint": "1a", "images": 4},
    recipe={},
    view_size=16,
    optimizer={},
    batch_size=2,
    steps=4,
    epochs=2.0,
    seed=0,
    precision="fp32",
)


def test_a_folder_that_was_killed_before_its_spec_was_written_is_no_run_yet(tmp_path):
    (tmp_path / RUN.folder_name).mkdir()
    folder = RunFolder.create(tmp_path, RUN, {})
    assert folder.run == RUN
    with pytest.raises(TwofoldError, match="this very run exists already"):
        RunFolder.create(tmp_path, RUN, {})


def test_what_is_not_used_has_no_part_in_the_key():
    """Keys of runs that were made before it could be used stay what they are."""
    assert RUN.key == "f3c4b943"
    keys = {dataclasses.replace(RUN, **used).key for used in ({"micro_batch": 2}, {"freeze": ["projector"]})}
    assert len(keys | {RUN.key}) == 3
    starts = [
        dataclasses.replace(RUN, optimizer={**RUN.optimizer, "warmup_start": at}).key for at in (0.0, 0.5)
    ]
    assert starts[0] == RUN.key != starts[1]


def test_of_the_data_what_is_learned_from_is_in_the_key():
    """The rest only judges. Runs that were made before the two were told apart keep the key they have."""

    def key(**data):
        return dataclasses.replace(RUN, data=RUN.data | data).key

    assert key(learned_from="2b") == key(learned_from="2b", fingerprint="9c") != key(learned_from="3d")
    assert key() != key(fingerprint="9c")


@pytest.mark.parametrize(
    "torn", ['{"step": 3, "lo', "[3]", '{"loss": 1}', '{"step": "3"}', "[" * 100_000, "\0"]
)
def test_the_log_is_read_and_cut_up_to_what_is_damaged(torn, tmp_path):
    lines = [json.dumps({"step": step, "loss": 0.1 * step}) for step in range(1, 6)]
    (tmp_path / "log.jsonl").write_text("\n".join([*lines[:2], torn, *lines[2:]]))
    folder = RunFolder(tmp_path)
    assert [line["step"] for line in folder.log()] == [1, 2]
    folder.cut_log(1)
    assert (tmp_path / "log.jsonl").read_text() == lines[0] + "\n"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("steps", "many"),
        ("steps", True),
        ("steps", None),
        ("method", []),
        ("epochs", "2"),
        ("freeze", "projector"),
    ],
)
def test_a_spec_that_makes_no_sense_names_what(part, value, tmp_path):
    folder = RunFolder.create(tmp_path, RUN, {})
    spec = {**folder.spec, part: value}
    (folder.path / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(TwofoldError, match=rf"spec\.json is damaged: what it tells of {part} makes no sense"):
        _ = folder.run


def test_a_spec_of_endless_depth_is_damaged(tmp_path):
    (tmp_path / "spec.json").write_text("[" * 100_000)
    with pytest.raises(TwofoldError, match=r"spec\.json is damaged"):
        _ = RunFolder(tmp_path).spec
