"""What a run that ends before its time leaves, and how to go on with it."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from twofold.core import dist
from twofold.core.run import RunFolder
from twofold.train.checkpoint import LAST, keep_checkpoint
from twofold.train.loop import Training
from twofold.train.not_finite import Diverged, NotFinite, is_finite


def keep_state(training: Training, folder: RunFolder) -> None:
    """Makes the state the last checkpoint of its run, whose key it holds: no other goes on with it."""
    keep_checkpoint(folder.path, {"run": folder.spec.get("key"), **training.state_dict()})


@contextmanager
def told_how_to_go_on(training: Training, folder: RunFolder) -> Iterator[None]:
    """Adds a note to whatever ends the training: the command that goes on from what is kept.

    The state before a step whose loss is not finite becomes the last checkpoint, where it is itself finite;
    all processes wait for that.

    Args:
        training: What is trained in the block.
        folder: Its run.
    """
    try:
        yield
    except NotFinite as error:
        if training.step > 0:
            if dist.rank() == 0 and is_finite(training.method) and (folder.path / "spec.json").is_file():
                keep_state(training, folder)
            dist.wait_for_all()
            error.add_note(_otherwise(folder))
        raise
    except Diverged as error:
        error.add_note(_otherwise(folder))
        raise
    except BaseException as error:
        if training.step > 0 and (folder.path / "spec.json").is_file():
            error.add_note(f"go on with: twofold pretrain --resume {shlex.quote(str(folder.path))}")
        raise


def _otherwise(folder: RunFolder) -> str:
    """Resuming is exact: it would meet the same loss."""
    kept = shlex.quote(str(folder.path / LAST))
    return (
        f"{folder.path} resumed would meet the same loss: begin a new run with other settings, from its last "
        f"finite weights, by: twofold pretrain DATA --init {kept} --lr LOWER"
    )
