"""The batch is that of all processes, and each has the same number of its images."""

from twofold.core import dist
from twofold.core.errors import UsageError


def divisible(batch_size: int) -> int:
    """The next lower size that divides; at least one image a process."""
    count = dist.world_size()
    return max(count, batch_size // count * count)


def check(batch_size: int) -> None:
    """Of a batch that can still be chosen.

    Raises:
        UsageError: If it does not divide, with the nearest sizes that do.
    """
    count = dist.world_size()
    if batch_size % count:
        below = divisible(batch_size)
        raise UsageError(
            f"a batch of {batch_size} images does not divide among {count} processes; "
            f"give --batch-size {below} or {below + count}"
        )


def check_run(batch_size: int) -> None:
    """Of the batch of a run that goes on: with another one it would be another run.

    Raises:
        UsageError: If it does not divide, with the numbers of processes among which it does.
    """
    count = dist.world_size()
    if batch_size % count:
        fitting = ", ".join(str(n) for n in range(1, 2 * count) if batch_size % n == 0)
        raise UsageError(
            f"the run's batch of {batch_size} images does not divide among {count} processes; "
            f"go on with one of these numbers: {fitting}"
        )
