"""What every process but the first does in a training."""

from twofold.core import dist
from twofold.core.batch import Progress
from twofold.core.run import RunFolder
from twofold.train.go_on import told_how_to_go_on
from twofold.train.interrupts import Stopped, interrupts
from twofold.train.loop import Training, fit


def follow(training: Training, folder: RunFolder) -> RunFolder:
    """Takes the same steps as the first process, without a word and without a file.

    Args:
        training: With this process's part of the batches.
        folder: That the first process keeps.

    Raises:
        Stopped: Where any process was asked to stop.
    """
    with told_how_to_go_on(training, folder), interrupts() as asked_to_stop:

        def watch(progress: Progress, *_: object) -> None:
            if asked_to_stop():
                dist.wait_for_all()  # who leaves may take the first one with it, which writes a checkpoint
                if progress.step < progress.total:
                    raise Stopped(folder)

        fit(training, watch)
    return folder
