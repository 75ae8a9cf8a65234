import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from twofold.core.errors import TwofoldError
from twofold.train.checkpoint import (
    digest,
    keep_checkpoint,
    load_checkpoint,
    newest_checkpoint,
)

STATE = {"weights": {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}, "step": 7, "none": None}


def test_what_was_saved_comes_back(tmp_path):
    keep_checkpoint(tmp_path, STATE)
    assert digest(load_checkpoint(tmp_path / "last.ckpt")) == digest(STATE)
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_digest_sees_every_bit_and_every_name():
    other = {**STATE, "weights": {**STATE["weights"], "a": STATE["weights"]["a"].clone()}}
    assert digest(other) == digest(STATE)
    other["weights"]["a"][1, 2] += 1e-6
    assert digest(other) != digest(STATE)
    assert digest({**STATE, "step": 8}) != digest(STATE)
    renamed = {**STATE, "weights": {"a": STATE["weights"]["a"], "c": STATE["weights"]["b"]}}
    assert digest(renamed) != digest(STATE)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "last.ckpt"
    keep_checkpoint(tmp_path, {"weights": torch.full((1000,), 3.25)})
    content = bytearray(path.read_bytes())
    position = content.find(torch.full((4,), 3.25).numpy().tobytes()) + 100
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(TwofoldError, match=r"last\.ckpt"):
        load_checkpoint(path)


def test_a_torn_or_missing_file_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "last.ckpt"
    with pytest.raises(TwofoldError, match="no checkpoint"):
        load_checkpoint(path)
    keep_checkpoint(tmp_path, STATE)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TwofoldError, match="not a readable checkpoint"):
        load_checkpoint(path)


class Hostile:
    def __reduce__(self):
        return (print, ("a checkpoint ran code",))


def test_a_hostile_checkpoint_runs_nothing(tmp_path, capsys):
    path = tmp_path / "last.ckpt"
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(TwofoldError):
        load_checkpoint(path)
    torch.save({"state": Hostile(), "digest": ""}, path)
    with pytest.raises(TwofoldError):
        load_checkpoint(path)
    assert "ran code" not in capsys.readouterr().out


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    keep_checkpoint(tmp_path, STATE)
    with pytest.raises(Exception, match=r"pickle|lambda|local"):
        keep_checkpoint(tmp_path, {"bad": lambda: None})
    assert digest(load_checkpoint(path)) == digest(STATE)
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def kept(folder, *steps):
    for step in steps:
        keep_checkpoint(folder, {**STATE, "step": step})


def damage(path):
    path.write_bytes(path.read_bytes()[:-200])


def test_the_last_two_are_kept(tmp_path):
    kept(tmp_path, 1, 2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]
    assert newest_checkpoint(tmp_path, pytest.fail)["step"] == 3
    assert load_checkpoint(tmp_path / "previous.ckpt")["step"] == 2


def test_a_damaged_last_one_gives_way_to_the_one_before(tmp_path):
    kept(tmp_path, 1, 2)
    damage(tmp_path / "last.ckpt")
    told = []
    assert newest_checkpoint(tmp_path, told.append)["step"] == 1
    assert len(told) == 1
    assert "last.ckpt is not a readable checkpoint" in told[0]
    assert "going on from the checkpoint before it, of step 1" in told[0]
    kept(tmp_path, 5)
    assert load_checkpoint(tmp_path / "previous.ckpt")["step"] == 1


def test_a_missing_last_one_too(tmp_path):
    kept(tmp_path, 1, 2)
    (tmp_path / "last.ckpt").unlink()
    assert newest_checkpoint(tmp_path, lambda text: None)["step"] == 1


def test_two_damaged_ones_are_one_error(tmp_path):
    kept(tmp_path, 1, 2)
    damage(tmp_path / "last.ckpt")
    damage(tmp_path / "previous.ckpt")
    both = r"last\.ckpt is not .*, and .*previous\.ckpt is not .*start the run again"
    with pytest.raises(TwofoldError, match=both):
        newest_checkpoint(tmp_path, pytest.fail)


def test_at_every_moment_of_replacing_there_is_a_whole_one(tmp_path, monkeypatch):
    """Looked at before and after every single change of the folder."""
    kept(tmp_path, 1, 2)
    replace, whole = Path.replace, []

    def look():
        found = [path for path in tmp_path.glob("*.ckpt") if load_checkpoint(path)]
        whole.append(len(found))

    def watched(self, target):
        look()
        replaced = replace(self, target)
        look()
        return replaced

    monkeypatch.setattr(Path, "replace", watched)
    kept(tmp_path, 3)
    assert len(whole) == 4
    assert min(whole) == 1


def self_holding():
    inside = []
    inside.append(inside)
    return {"deep": inside}


def doubled():
    inside = [0]
    for _ in range(60):
        inside = [inside, inside]
    return {"wide": inside}


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: {"huge": torch.zeros(1).as_strided((1 << 40,), (0,))},
        self_holding,
        doubled,
    ],
)
def test_a_few_bytes_that_stand_for_more_than_memory_are_refused(bomb, tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"state": bomb(), "digest": ""}, path)
    assert path.stat().st_size < 10_000
    with pytest.raises(TwofoldError, match=r"last\.ckpt is not a readable checkpoint"):
        load_checkpoint(path)


def test_what_would_take_for_ever_to_be_a_key_is_refused_before_it_is_made(tmp_path, monkeypatch):
    """Sixty times a tuple of the same tuple twice: its hash takes 2 to the 60th steps, which nothing ends."""
    put, get, two = b"q\x01", b"h\x01", b"\x86"
    folded = b"\x80\x02}" + b"K\x00\x85" + 60 * (put + get + two) + b"K\x01s."
    path = tmp_path / "last.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("last/data.pkl", folded)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was made"))
    with pytest.raises(TwofoldError, match=r"last\.ckpt is not a readable checkpoint"):
        load_checkpoint(path)


def test_a_state_that_is_none_and_a_file_of_another_kind_are_refused(tmp_path):
    torch.save({"state": [1, 2], "digest": ""}, tmp_path / "list.ckpt")
    torch.save({"state": {}, "digest": ""}, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    for name in ("list", "old"):
        with pytest.raises(TwofoldError, match=rf"{name}\.ckpt is not a readable checkpoint"):
            load_checkpoint(tmp_path / f"{name}.ckpt")


def test_many_names_of_one_tensor_are_refused(tmp_path):
    """A file that holds it once would be read through as often."""
    one = torch.zeros(1000)
    torch.save({"state": {str(n): one for n in range(2000)}, "digest": ""}, tmp_path / "names.ckpt")
    with pytest.raises(TwofoldError, match=r"names\.ckpt is not a readable checkpoint"):
        load_checkpoint(tmp_path / "names.ckpt")


def test_a_packed_checkpoint_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    keep_checkpoint(tmp_path, {"zeros": torch.zeros(1_000_000)})
    plain, packed = tmp_path / "last.ckpt", tmp_path / "packed.ckpt"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))
    assert packed.stat().st_size < 100_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(TwofoldError, match=r"packed\.ckpt is not a readable checkpoint"):
        load_checkpoint(packed)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("can't allocate memory")])
def test_a_checkpoint_that_cannot_be_read_now_is_not_replaced_by_an_older_one(error, tmp_path, monkeypatch):
    """A disk that fails for a moment, or too little memory, is no damage."""
    keep_checkpoint(tmp_path, {**STATE, "step": 6})
    keep_checkpoint(tmp_path, STATE)
    load = torch.load

    def failing(path, **how):
        if path.name == "last.ckpt":
            raise error
        return load(path, **how)

    monkeypatch.setattr(torch, "load", failing)
    with pytest.raises(type(error), match=str(error.args[-1])):
        newest_checkpoint(tmp_path, print)
    monkeypatch.undo()
    assert newest_checkpoint(tmp_path, print)["step"] == 7
