"""Views of several sizes through one encoder."""

from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.batch import Batch
from twofold.core.recipe import Recipe


def apart(batch: Batch, recipe: Recipe) -> tuple[list[Tensor], list[Tensor]]:
    """Pixels of the global views, and of the small ones."""
    whole = recipe.globals_
    small = [view.pixels for position, view in enumerate(batch.views) if position not in whole]
    return [batch.views[position].pixels for position in whole], small


def embed_views(
    encoder: Callable[[Tensor], Tensor],
    projector: Callable[[Tensor], Tensor],
    views: Sequence[Float[Tensor, "b c _ _"]],
) -> Float[Tensor, "v b d"]:
    """Embeddings of all views, in their order; none of none.

    Neighbouring views of one resolution go through the encoder together, and all views through the
    projector: so batch norm sees each resolution apart in the one and all of them in the other, as in the
    code of Caron et al., NeurIPS 2020, arXiv:2006.09882.
    """
    if not views:
        return torch.empty(0, 0, 0)
    h = [encoder(torch.cat(list(same))) for _, same in groupby(views, lambda x: x.shape)]
    z: Tensor = projector(torch.cat(h)).unflatten(0, (len(views), -1))
    return z
