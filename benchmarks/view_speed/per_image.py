"""What libraries that make one view at a time share: torch's DataLoader, as their documentation has it."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from view_speed.job import Job, Order


class TwoViews(Dataset):
    """Two views of each image."""

    def __init__(self, read: Callable[[int], Any], view: Callable[[Any], Any]) -> None:
        self.read, self.view = read, view

    def __getitem__(self, item: int) -> tuple[Any, Any]:
        image = self.read(item)
        return self.view(image), self.view(image)


def batches(read: Callable[[int], Any], view: Callable[[Any], Any], job: Job, order: Order) -> Iterator[Any]:
    """Batches of pairs of views."""
    fork = "fork" if job.workers else None  # the usual one on Linux; that of the arm's own process is another
    pairs = TwoViews(read, view)
    return iter(DataLoader(pairs, batch_sampler=order, num_workers=job.workers, multiprocessing_context=fork))
