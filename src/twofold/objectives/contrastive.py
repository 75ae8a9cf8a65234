"""Tell the other view of an image from views of other images."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision
from twofold.objectives.hard_negatives import at_ranks
from twofold.objectives.log_sum_exp import among, between


@full_precision
def nt_xent(
    z1: Float[Tensor, "b d"],
    z2: Float[Tensor, "b d"],
    rows: Int[Tensor, " b"],
    all1: Float[Tensor, "n d"],
    all2: Float[Tensor, "n d"],
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """Normalised temperature-scaled cross-entropy: SimCLR's loss, each view the anchor once.

    Each anchor is compared with all embeddings of both views but itself; its positive is the row of
    the same image in the other view. Memory grows linearly in the batch.

    Args:
        z1: Embeddings of one view: rows ``rows`` of ``all1``.
        z2: Of the other.
        rows: Where they stand among those of the whole batch.
        all1: Embeddings of the whole batch in the first view.
        all2: In the second.
        temperature: tau, above 0.

    Returns:
        Mean over the anchors, in nats; about ``log(2n - 1)`` for random embeddings.

    Reference:
        Chen et al., ICML 2020, arXiv:2002.05709, equation 1.
    """
    everyone = F.normalize(torch.cat([all1, all2]))
    z1, z2 = F.normalize(z1), F.normalize(z2)
    if len(z1) == len(all1):
        denominators = among(everyone, temperature)
    else:
        denominators = between(
            torch.cat([z1, z2]), torch.cat([rows, rows + len(all1)]), everyone, temperature
        )
    return denominators.mean() - (z1 * z2).sum(dim=1).mean() / temperature


@full_precision
def nt_xent_of_small_views(
    small: Float[Tensor, "v b d"],
    rows: Int[Tensor, " b"],
    all1: Float[Tensor, "n d"],
    all2: Float[Tensor, "n d"],
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """The same where small views are the anchors, and never what an anchor is compared with.

    Each of them takes the place of either embedding of its image in turn and looks for the other one, among
    all embeddings but that whose place it has.

    Args:
        small: Embeddings of the small views.
        rows: Where their images stand in the whole batch.
        all1: Embeddings of the whole batch in the first global view.
        all2: In the second.
        temperature: tau, above 0.

    Returns:
        Mean over the anchors and both places, in nats; about ``log(2n - 1)`` for random embeddings.

    Reference:
        Caron et al., NeurIPS 2020, arXiv:2006.09882, section 3.2: small views are never targets. What stays
        in the denominator is not published.
    """
    everyone = F.normalize(torch.cat([all1, all2]))
    anchors = F.normalize(small.flatten(0, 1)).repeat(2, 1)
    first = rows.to(small.device).repeat(len(small))
    place, wanted = torch.cat([first, first + len(all1)]), torch.cat([first + len(all1), first])
    denominators = between(anchors, place, everyone, temperature)
    return denominators.mean() - (anchors * everyone[wanted]).sum(dim=1).mean() / temperature


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
