"""How alike embeddings are: those of the same image, and those of others."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision


@full_precision
@torch.no_grad()
def positive_similarity(one: Float[Tensor, "n d"], other: Float[Tensor, "n d"]) -> float:
    """Mean cosine of the embeddings of two views of the same image, in [-1, 1]."""
    return functional.cosine_similarity(one, other).mean().item()


@full_precision
@torch.no_grad()
def hardest_negative(one: Float[Tensor, "n d"], other: Float[Tensor, "n d"]) -> float:
    """Cosine of an embedding with the most similar one of another image, averaged; in [-1, 1].

    Args:
        one: Embeddings of one view, at least two.
        other: Of the other view, a row an image in the same order.
    """
    cosines = functional.normalize(one) @ functional.normalize(other).T
    return cosines.fill_diagonal_(-1).amax(dim=1).mean().item()
