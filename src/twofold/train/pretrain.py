"""Pre-training in a run folder: from its beginning or from a checkpoint to the end."""

import shutil
import time
from pathlib import Path
from typing import Any

import torch

from twofold.core import dist
from twofold.core.batch import Progress, Step
from twofold.core.errors import TwofoldError, is_out_of_memory
from twofold.core.files import remove_leftovers, write_text
from twofold.core.lock import locked
from twofold.core.run import Run, RunFolder
from twofold.core.source import Source
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder, save_parts
from twofold.train import shares
from twofold.train.checkpoint import has_checkpoint, newest_checkpoint
from twofold.train.engine import Engine
from twofold.train.environment import differences, environment, revised
from twofold.train.follow import follow
from twofold.train.go_on import keep_state, told_how_to_go_on
from twofold.train.interrupts import Stopped, interrupts
from twofold.train.loop import Training, fit
from twofold.train.not_finite import Diverged, is_finite
from twofold.train.prepare import Prepared, build, images_for, learned_from
from twofold.train.trackers import Name
from twofold.train.watch import Show, Watcher
from twofold.views.sheet import contact_sheet

CHECKPOINT_MINUTES = 5.0
"""Between two checkpoints."""


def start(
    prepared: Prepared,
    out: Path,
    show: Show,
    *,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    track: Name | None = None,
) -> RunFolder:
    """Begins a prepared run in a new folder below ``out`` and trains it to the end.

    A checkpoint is written before the first step, so that a run that is killed at any moment can go on; where
    not even that step succeeds, no folder is left.

    Args:
        prepared: What is trained.
        out: Folder of all runs.
        show: Where progress is shown.
        checkpoint_minutes: Between two checkpoints: what a kill may cost.
        track: Where else figures go.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after a checkpoint is written.
        TwofoldError: If the run exists, or its loss becomes infinite or no number.
    """
    run, source = prepared.run, prepared.source
    training = build(run, images_for(run.method["name"], source, run.method["arguments"]), prepared.engine)
    if dist.rank() > 0:
        return follow(training, RunFolder(out / run.folder_name))
    folder = RunFolder.create(out, run, prepared.about)
    with locked(folder.path, show.note):
        try:
            with told_how_to_go_on(training, folder):
                _begin(training, folder, source)
                train(training, folder, source, show, checkpoint_minutes=checkpoint_minutes, track=track)
        except BaseException:
            if training.step == 0:
                shutil.rmtree(folder.path, ignore_errors=True)
            raise
    return folder


def resume(
    folder: RunFolder,
    source: Source,
    engine: Engine,
    show: Show,
    *,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    track: Name | None = None,
) -> None:
    """Goes on with a run from its last whole checkpoint, exactly.

    Another number of processes goes on with the same order and the same views. Labels that it does not
    learn from may have changed, and all else that only judges: the probes take them as they are now.

    Args:
        folder: The run.
        source: The data it was trained on, as it is now.
        engine: Where it is computed.
        show: Where progress is shown.
        checkpoint_minutes: Between two checkpoints: what a kill may cost.
        track: Where else figures go.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after a checkpoint is written.
        TwofoldError: If what it learns from has changed, another process trains in the folder, or the run has
            nothing to go on with.
        UsageError: If its batch does not divide among the processes.
    """
    run = folder.run
    if _learns_from(run, source) != run.data.get("learned_from", run.data.get("fingerprint")):
        raise TwofoldError(
            f"the data at {run.data['open']['data']} is not what {folder.path} was trained on "
            "(its images, their order or labels that it learns from have changed): start a new run instead"
        )
    shares.check_run(run.batch_size)
    if dist.rank() > 0:
        follow(_restored(folder, source, engine, show), folder)
        return
    with locked(folder.path, show.note):
        if source.fingerprint != run.data.get("fingerprint"):
            show.note(
                "labels, names or images that only judge have changed since the run began: it learns the "
                "same, and probes take the labels that are there now"
            )
        training = _restored(folder, source, engine, show)
        differ = [*differences(folder.spec, environment(engine)), *revised(run.method), *_edited(folder, run)]
        for difference in differ:
            show.note(f"{difference}: the resumed run is not bit-exact")
        folder.mark_inexact(training.step, differ)
        folder.cut_log(training.step)
        with told_how_to_go_on(training, folder):
            train(training, folder, source, show, checkpoint_minutes=checkpoint_minutes, track=track)


def _edited(folder: RunFolder, run: Run) -> list[str]:
    """Whether its settings are still those by which it got its key."""
    same = folder.spec.get("key") in (None, run.key)
    return [] if same else ["settings in spec.json were changed since the run began"]


def _learns_from(run: Run, source: Source) -> str:
    """Fingerprint of what the run would learn from now; older runs know that of the whole data only."""
    if "learned_from" not in run.data:
        return source.fingerprint
    return learned_from(images_for(run.method["name"], source, run.method["arguments"]), len(source.classes))


def _restored(folder: RunFolder, source: Source, engine: Engine, show: Show) -> Training:
    """The training as the folder has it; at step 0 where it was killed before its first checkpoint."""
    run = folder.run
    if dist.rank() == 0:
        remove_leftovers(folder.path)
    done = (folder.path / "encoder.safetensors").is_file()
    state = _same_for_all(folder, show)
    if state is not None and state.get("run", folder.spec.get("key")) != folder.spec.get("key"):
        raise TwofoldError(
            f"the checkpoint in {folder.path} is of another run, whose key is {state['run']}: "
            "put its own there, or start the run again"
        )
    try:
        training = build(
            run,
            images_for(run.method["name"], source, run.method["arguments"]),
            engine,
            from_parent=state is None,
        )
        if state is not None:
            training.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error) or dist.is_of_a_lost_peer(error):
            raise
        raise TwofoldError(
            f"the checkpoint in {folder.path} does not fit its spec.json, or both are of another version of "
            f"twofold ({type(error).__name__}: {error})"
        ) from error
    if state is None and dist.rank() == 0:
        _begin(training, folder, source)
    if done and training.step >= training.total:
        raise TwofoldError(f"{folder.path} is finished: {training.total} of {training.total} steps are done")
    return training


def _same_for_all(folder: RunFolder, show: Show) -> dict[str, Any] | None:
    """The newest checkpoint; None before the first one.

    The first process has the folder to itself and mends it where that is needed; the others look after that.
    """
    told = dist.from_first(-1) if dist.rank() > 0 else None
    if told == -1:
        return None
    done = (folder.path / "encoder.safetensors").is_file()
    begun = has_checkpoint(folder.path) or done or any(folder.log())
    state = newest_checkpoint(folder.path, show.note) if begun else None
    step = state.get("step") if isinstance(state, dict) else None
    if told is None:
        dist.from_first(step if isinstance(step, int) else -1)  # what is no checkpoint of a run is told later
    elif step != told:
        raise TwofoldError(
            f"one process finds {folder.path} at step {step}, the first at step {told:g}: "
            "see to it that all of them read the same folder"
        )
    return state


def train(
    training: Training,
    folder: RunFolder,
    source: Source,
    show: Show,
    *,
    checkpoint_minutes: float,
    track: Name | None,
) -> None:
    """Trains from where it stands; leaves checkpoints, log, encoder and parts in the folder.

    Args:
        training: What is trained.
        folder: Its run.
        source: The data.
        show: Where progress is shown.
        checkpoint_minutes: Between two checkpoints.
        track: Where else figures go.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after the checkpoint is written.
        Diverged: If weights that are to be written are not finite; the last checkpoint stays as it is.
    """
    saved = time.monotonic()

    with interrupts() as asked_to_stop, Watcher(training, folder, source, show, track) as watcher:

        def watch(progress: Progress, step: Step, rate: float) -> None:
            nonlocal saved
            watcher(progress, step, rate)
            stop = asked_to_stop()
            if stop or time.monotonic() - saved > 60 * checkpoint_minutes:
                _save(training, folder)
                saved = time.monotonic()
            if stop:
                dist.wait_for_all()
                if progress.step < progress.total:
                    raise Stopped(folder)

        fit(training, watch)
        _save(training, folder)
        save_parts(training.method.parts(), folder.path / "parts.safetensors")
        save_encoder(_whole(training.method.encoder), folder.path / "encoder.safetensors")  # now it is done


def _begin(training: Training, folder: RunFolder, source: Source) -> None:
    """What is in the folder before the first step."""
    _picture(training, folder)
    if source.skipped:
        write_text(folder.path / "skipped.txt", "".join(f"{path}\t{why}\n" for path, why in source.skipped))
    _save(training, folder)


def _picture(training: Training, folder: RunFolder) -> None:
    stream = training.stream
    items = stream.order(0)[:8]
    images = stream.images.read(items)
    sheet = contact_sheet(images, stream.views(images, items, 0))
    sheet.save(folder.path / "views.png")


def _save(training: Training, folder: RunFolder) -> None:
    if not folder.path.is_dir():  # it is not made anew for a checkpoint
        raise TwofoldError(f"{folder.path} is gone: was it moved or removed meanwhile?")
    if not is_finite(training.method):
        raise Diverged(
            f"the weights became infinite by step {training.step}, though every loss was finite: "
            "a gradient was not"
        )
    keep_state(training, folder)


def _whole(encoder: torch.nn.Module) -> Encoder:
    assert isinstance(encoder, Encoder)
    return encoder
