"""Tell images of the same class from all others."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def supervised_contrast(
    anchors: Float[Tensor, "b d"],
    rows: Int[Tensor, " b"],
    everyone: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    temperature: float,
) -> Float[Tensor, ""]:
    """NT-Xent with many positives: all other embeddings of the anchor's class.

    The mean over an anchor's positives stands outside the logarithm: a positive competes with the others,
    too. With a class of its own for every image it is NT-Xent.

    Args:
        anchors: Rows ``rows`` of ``everyone``.
        rows: Where the anchors stand among the candidates.
        everyone: Embeddings of all views of the whole batch.
        labels: Class of each of them.
        temperature: tau, above 0.

    Returns:
        Mean over the anchors, in nats; about ``log(n - 1)`` for random embeddings. An anchor without a
        positive counts as 0.

    Reference:
        Khosla et al., NeurIPS 2020, arXiv:2004.11362, equation 2.
    """
    rows, labels = rows.to(anchors.device), labels.to(anchors.device)
    cosines = F.normalize(anchors) @ F.normalize(everyone).T
    itself = torch.zeros_like(cosines, dtype=torch.bool).scatter(1, rows[:, None], True)
    log_p = (cosines / temperature).masked_fill(itself, -torch.inf).log_softmax(dim=1)
    positive = (labels[rows][:, None] == labels) & ~itself
    total = log_p.masked_fill(~positive, 0).sum(dim=1)
    return -(total / positive.sum(dim=1).clamp(min=1)).mean()
