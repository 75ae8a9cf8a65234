import torch
from torch import Tensor

from twofold.nn.multicrop import embed_views


def test_views_of_one_size_go_together_and_keep_their_places() -> None:
    seen = []

    def encoder(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x.mean(dim=(2, 3))

    views = [torch.full((2, 1, side, side), float(i)) for i, side in enumerate((4, 4, 3, 3, 3, 4))]
    z = embed_views(encoder, lambda h: h + 10, views)
    assert seen == [(4, 1, 4, 4), (6, 1, 3, 3), (2, 1, 4, 4)]
    assert torch.equal(z, torch.arange(6.0).view(6, 1, 1).expand(6, 2, 1) + 10)
