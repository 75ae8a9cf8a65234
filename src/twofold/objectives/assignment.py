"""Predict the cluster that an image was given beforehand."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def cluster_prediction(
    z: Float[Tensor, "v b d"],
    prototypes: Float[Tensor, "h k d"],
    assigned: Int[Tensor, "h b"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy of picking an image's cluster from any of its views, in each of several clusterings.

    Args:
        z: Embeddings of all views.
        prototypes: Centroids of unit length of every clustering.
        assigned: The cluster of each image in every clustering.
        temperature: tau, above 0.

    Returns:
        Mean over clusterings, views and images, in nats; ``log k`` where all is uniform.

    Reference:
        Caron et al., NeurIPS 2020, arXiv:2006.09882, appendix (DeepCluster-v2).
    """
    scores = torch.einsum("vbd,hkd->hvbk", F.normalize(z, dim=-1), prototypes) / temperature
    clusters = assigned[:, None].expand(scores.shape[:-1])
    return F.cross_entropy(scores.flatten(0, 2), clusters.flatten())
