"""Codes of a batch over prototypes, and predicting one view's code from another."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision


@torch.no_grad()
@full_precision
def sinkhorn(scores: Float[Tensor, "n k"], epsilon: float, iterations: int = 3) -> Float[Tensor, "n k"]:
    """Soft assignments of samples to prototypes that use all prototypes about equally.

    Columns (prototypes) and rows (samples) of exp(scores / epsilon) are normalised in turn. Done on
    logarithms, it neither overflows nor loses a prototype that is far from every sample.

    Args:
        scores: Cosines of the samples of all processes with the prototypes.
        epsilon: Smoothness, above 0; smaller is sharper.
        iterations: Turns.

    Returns:
        Codes without gradient; rows sum to 1, columns to about ``n / k``.

    Reference:
        Caron et al., NeurIPS 2020, arXiv:2006.09882, appendix A (listing 1); Cuturi, NeurIPS 2013.
    """
    log_codes = scores / epsilon
    for _ in range(iterations):
        log_codes = log_codes.log_softmax(dim=0).log_softmax(dim=1)
    return log_codes.exp()


@full_precision
def swapped_prediction(
    scores: Float[Tensor, "v b k"],
    codes: Float[Tensor, "g b k"],
    coded: Sequence[int],
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy between the codes of some views and the predictions of every other view.

    Args:
        scores: Cosines of all views with the prototypes.
        codes: Codes of the global views.
        coded: Which views the codes belong to; a view does not predict its own.
        temperature: tau of the predictions, above 0.

    Returns:
        Mean over codes, the other views and the batch, in nats; ``log k`` where all is uniform.

    Reference:
        Caron et al., NeurIPS 2020, arXiv:2006.09882, equations 2 and 6.
    """
    log_p = (scores / temperature).log_softmax(dim=-1)
    table = -torch.einsum("gbk,vbk->gv", codes, log_p) / scores.shape[1]
    others = torch.ones_like(table)
    others[range(len(coded)), list(coded)] = 0
    return (table * others).sum() / others.sum()
