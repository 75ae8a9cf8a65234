"""Pick the key of one's own image among those of the whole batch."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def batch_info_nce(
    q: Float[Tensor, "b d"], rows: Int[Tensor, " b"], keys: Float[Tensor, "n d"], temperature: float
) -> Float[Tensor, ""]:
    """Cross-entropy of picking each query's key among the batch's, times ``2 * temperature``.

    The factor keeps gradients about as large at every temperature.

    Args:
        q: Queries.
        rows: Where the key of each query stands.
        keys: Of the whole batch, in another view; no gradient is cut here.
        temperature: tau, above 0.

    Returns:
        Mean over the queries; ``2 * temperature * log n`` where all keys are alike.

    Reference:
        Chen et al., ICCV 2021, arXiv:2104.02057, algorithm 1.
    """
    logits = F.normalize(q) @ F.normalize(keys).T / temperature
    return 2 * temperature * F.cross_entropy(logits, rows.to(q.device))
