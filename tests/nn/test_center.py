import torch

from twofold.nn.center import Center


def test_moves_after_the_step_by_the_mean_of_what_was_staged() -> None:
    center, outputs = Center(3), torch.randn(8, 3)
    center.stage(outputs)
    assert not center.mean.any()
    center.follow(0.9)
    torch.testing.assert_close(center.mean, 0.1 * outputs.mean(dim=0))
    center.follow(0.9)  # nothing staged: nothing happens
    torch.testing.assert_close(center.mean, 0.1 * outputs.mean(dim=0))


def test_it_is_kept_in_checkpoints() -> None:
    assert set(Center(3).state_dict()) == {"mean"}
