"""Tell the other view of an image from views of other images."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision
from twofold.objectives.hard_negatives import at_ranks


@full_precision
def nt_xent(
    anchors: Float[Tensor, "b d"],
    rows: Int[Tensor, " b"],
    same_view: Float[Tensor, "n d"],
    other_view: Float[Tensor, "n d"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Normalised temperature-scaled cross-entropy: one direction of SimCLR's loss.

    Each anchor is compared with all embeddings of both views but itself; its positive is the row of
    the same image in the other view. The loss over both views is the mean of the two directions.

    Args:
        anchors: Rows ``rows`` of ``same_view``.
        rows: Where the anchors stand among the candidates.
        same_view: Embeddings of the whole batch in the anchors' view.
        other_view: Embeddings of the whole batch in the other view.
        temperature: tau, above 0.

    Returns:
        Mean over the anchors, in nats; about ``log(2n - 1)`` for random embeddings.

    Reference:
        Chen et al., ICML 2020, arXiv:2002.05709, equation 1.
    """
    z = F.normalize(anchors)
    rows = rows.to(z.device)
    same = z @ F.normalize(same_view).T
    same = same.scatter(1, rows[:, None], -torch.inf)
    other = z @ F.normalize(other_view).T
    return F.cross_entropy(torch.cat([other, same], dim=1) / temperature, rows)


@full_precision
def info_nce(
    q: Float[Tensor, "b d"],
    k: Float[Tensor, "b d"],
    negatives: Float[Tensor, "n d"],
    temperature: float,
    ranks: Int[Tensor, " m"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy of picking the positive key among it and a set of negatives shared by all queries.

    Args:
        q: Queries.
        k: The positive key of each query; no gradient is cut here.
        negatives: Keys of other images.
        temperature: tau, above 0.
        ranks: Which negatives count, by each query's ranking of them (``hard_negatives.skewed_ranks``);
            None for all.

    Returns:
        Mean over the queries, in nats; about ``log(n + 1)`` for random embeddings.

    Reference:
        He et al., CVPR 2020, arXiv:1911.05722, equation 1 and algorithm 1.
    """
    q, k = F.normalize(q), F.normalize(k)
    positive = (q * k).sum(dim=1, keepdim=True)
    negative = q @ F.normalize(negatives).T
    if ranks is not None:
        negative = at_ranks(negative, ranks)
    logits = torch.cat([positive, negative], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long, device=q.device))
