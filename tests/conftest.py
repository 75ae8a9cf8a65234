"""What holds for every test: checked types, folders of its own, few threads, fixed seeds, no network."""

import os
import random
import signal
import sys
from collections.abc import Iterator

import hypothesis
import pytest
from jaxtyping import install_import_hook

# Shapes and types are checked at run time here and nowhere else: users pay nothing for them. This has to
# come before the first import of twofold, and conftest.py is the first file that pytest imports.
# An int is fit where a float is asked for, as for mypy.
install_import_hook("twofold", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# One thread: the tests' tensors are tiny, and threads that wait for each other on a busy machine are many
# times slower than one that works. With pytest-xdist (-n 2) a worker keeps to one core, whoever asks for all.
THREADS = 1
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
if WORKER and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(WORKER) % len(cores)]})
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["HF_HUB_OFFLINE"] = "1"

# Who starts the tests in the background may have them ignore Ctrl-C, and then so do the programs they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, and no deadline: a busy machine must not turn a good commit red.
hypothesis.settings.register_profile(
    "twofold",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("twofold")


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cache and data folders."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("TWOFOLD_CACHE", "TWOFOLD_DATA"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        yield


@pytest.fixture(autouse=True)
def fixed_start() -> None:
    """Every test starts from the same seeds and thread count, alone or after any other test."""
    random.seed(0)
    if "numpy" in sys.modules:
        import numpy as np

        np.random.seed(0)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(0)
        torch.set_num_threads(THREADS)
