import pickle

import pytest
import torch

from twofold.core.errors import TwofoldError
from twofold.train.checkpoint import digest, load_checkpoint, save_checkpoint

STATE = {"weights": {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}, "step": 7, "none": None}


def test_what_was_saved_comes_back(tmp_path):
    save_checkpoint(tmp_path / "last.ckpt", STATE)
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
    save_checkpoint(path, {"weights": torch.full((1000,), 3.25)})
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
    save_checkpoint(path, STATE)
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
    save_checkpoint(path, STATE)
    with pytest.raises(Exception, match=r"pickle|lambda|local"):
        save_checkpoint(path, {"bad": lambda: None})
    assert digest(load_checkpoint(path)) == digest(STATE)
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]
