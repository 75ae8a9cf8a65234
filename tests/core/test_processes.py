import pytest

from twofold.core.processes import GO_ON, Seat, seat

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "head",
    "MASTER_PORT": "29400",
}
SBATCH = {
    "SLURM_JOB_ID": "1234567",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODELIST": "rack2n[07-09,12]",
}
"""What the shell of sbatch or salloc finds, in which nobody else is started."""

SRUN = {
    **SBATCH,
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "rack2n[07-09]",
}


def test_alone_unless_somebody_says_otherwise() -> None:
    assert seat({}) is None
    assert seat({"RANK": "7"}) is None  # another program's variable
    assert seat({**TORCHRUN, "RANK": "0", "WORLD_SIZE": "1"}) is None


def test_torchrun_tells_the_place() -> None:
    assert seat(TORCHRUN) == Seat(3, 4, local_rank=1, local_size=2, address="head", port=29400)


def test_srun_tells_the_place() -> None:
    found = seat(SRUN)
    assert found is not None
    assert (found.rank, found.size, found.local_rank, found.address) == (3, 4, 1, "rack2n07")
    assert found.local_size == 1  # cores and GPUs are bound to the task
    assert 1024 < found.port < 32768
    first, other_step = seat({**SRUN, "SLURM_PROCID": "0"}), seat({**SRUN, "SLURM_STEP_ID": "1"})
    assert first is not None and other_step is not None
    assert first.port == found.port != other_step.port


def test_a_shell_that_slurm_has_given_waits_for_nobody() -> None:
    assert seat(SBATCH) is None
    assert seat({**SRUN, "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None  # srun --pty bash


def test_torchrun_started_by_srun_has_the_word() -> None:
    assert seat({**SRUN, **TORCHRUN}) == seat(TORCHRUN)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("n1", "n1"),
        ("n1,n2", "n1"),
        ("n[3,5]", "n3"),
        ("a[01-02]b[7-8],c", "a01b7"),
        ("gpu-a.site", "gpu-a.site"),
    ],
)
def test_the_first_task_is_on_the_first_host(nodes: str, first: str) -> None:
    found = seat({**SRUN, "SLURM_STEP_NODELIST": nodes})
    assert found is not None and found.address == first


def test_what_is_said_of_a_killed_process_holds_for_every_command() -> None:
    """Who judged has no run to go on with."""
    assert "(a training goes on with: twofold pretrain --resume RUN)" in GO_ON
