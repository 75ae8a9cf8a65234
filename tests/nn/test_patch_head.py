import pytest
import torch
from torch import nn

from twofold.core.errors import UsageError
from twofold.nn.patch_head import PatchHead, embed_patches


def test_patches_are_embedded_alike_and_joined_in_the_order_in_which_they_come() -> None:
    head, h = PatchHead(nn.Linear(6, 4), count=9, width=4, dim=3), torch.randn(2, 9, 6)
    joined = torch.stack([torch.cat([head.each(patch) for patch in image]) for image in h])
    torch.testing.assert_close(head(h), head.joined(joined))
    assert not torch.allclose(head(h), head(h.flip(1)))


def test_another_number_of_patches_is_told_with_what_to_change() -> None:
    head = PatchHead(nn.Linear(6, 4), count=9, width=4, dim=3)
    with pytest.raises(
        UsageError, match="into 4 patches, but the method joins 9: give the method --patches 4"
    ):
        head(torch.randn(2, 4, 6))


def test_every_patch_has_the_features_it_has_alone() -> None:
    encoder, x = nn.Flatten(), torch.rand(2, 9, 3, 4, 4)
    h = embed_patches(encoder, x)
    assert torch.equal(h[1, 5], encoder(x[1, 5:6])[0])
