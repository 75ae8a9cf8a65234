"""One core for the operations of one thread."""

import threading

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from twofold.core.threads import one_thread


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def limits():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


def test_threads_that_leave_in_another_order_than_they_came_in_leave_all_as_it_was(two_threads):
    _ = np.ones((8, 8)) @ np.ones((8, 8))  # numpy's library counts for the whole process
    before, inside, first_is_in, second_is_in = limits(), [], threading.Event(), threading.Event()

    def first():
        with one_thread():
            first_is_in.set()
            second_is_in.wait(10)
            inside.append(torch.get_num_threads())

    def second():
        first_is_in.wait(10)
        with one_thread():
            second_is_in.set()
            threads[0].join(10)  # leaves while this one is in
            inside.append(torch.get_num_threads())

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    threads[1].join(20)
    assert inside == [1, 1]
    assert limits() == before and torch.get_num_threads() == 2
