"""Batches that divide into the groups of their batch norm."""

from twofold.core.errors import UsageError


def whole_parts(batch_size: int, groups: int, processes: int = 1) -> int:
    """As many groups as are wanted, or the most below that the batch divides into, of two images or more.

    Several processes have equally many of them, at least one each; where that cannot be, the whole batch is
    the one group.

    Args:
        batch_size: Images.
        groups: Wanted.
        processes: That share them.
    """
    fits = (
        n
        for n in range(max(groups, processes), 1, -1)
        if n % processes == batch_size % n == 0 and batch_size >= 2 * n
    )
    return next(fits, 1)


def check_parts(batch_size: int, groups: int) -> None:
    """Of a batch that can still be chosen.

    Raises:
        UsageError: If it does not divide, with numbers that do.
    """
    if batch_size % groups == 0:
        return
    whole = batch_size // groups * groups
    other = f" or --batch-size {whole}" if whole else ""
    raise UsageError(
        f"a batch of {batch_size} images does not divide into {groups} groups of batch norm; "
        f"give --bn-splits {whole_parts(batch_size, groups)}{other}"
    )
