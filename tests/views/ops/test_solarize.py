import torch

from twofold.views.ops.solarize import Solarize, solarize


def test_levels_from_128_on_are_inverted():
    levels = torch.arange(256)
    images = (levels / 255).view(1, 1, 16, 16)
    got = (solarize(images, Solarize().threshold) * 255).round().flatten().long()
    assert got.tolist() == [level if level < 128 else 255 - level for level in levels.tolist()]
