"""Batches that divide into the groups of their batch norm."""

from twofold.core.errors import UsageError


def whole_parts(batch_size: int, groups: int) -> int:
    """As many groups as are wanted, or the most that divide these and the batch into two images or more."""
    fits = (n for n in range(groups, 1, -1) if groups % n == batch_size % n == 0 and batch_size >= 2 * n)
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
