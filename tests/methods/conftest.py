import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread(fixed_start: None) -> None:
    """Networks this small only wait for a second thread."""
    torch.set_num_threads(1)
