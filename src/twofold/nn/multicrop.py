"""Views of several sizes through one encoder."""

from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor


def embed_views(
    encoder: Callable[[Tensor], Tensor],
    projector: Callable[[Tensor], Tensor],
    views: Sequence[Float[Tensor, "b c _ _"]],
) -> Float[Tensor, "v b d"]:
    """Embeddings of all views, in their order.

    Neighbouring views of one resolution go through the encoder together, and all views through the
    projector: so batch norm sees each resolution apart in the one and all of them in the other, as in the
    code of Caron et al., NeurIPS 2020, arXiv:2006.09882.
    """
    h = [encoder(torch.cat(list(same))) for _, same in groupby(views, lambda x: x.shape)]
    z: Tensor = projector(torch.cat(h)).unflatten(0, (len(views), -1))
    return z
