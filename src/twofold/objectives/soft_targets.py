"""Say what a teacher says."""

from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision


@full_precision
def soft_cross_entropy(
    student: Float[Tensor, "b k"], teacher: Float[Tensor, "b k"], temperature: float = 1.0
) -> Float[Tensor, ""]:
    """Cross-entropy between a teacher's and a student's class probabilities.

    Args:
        student: Logits.
        teacher: Logits; no gradient is cut here.
        temperature: tau, above 0, of both softmaxes. Gradients fall with its square where it is above 1,
            so the loss is multiplied by it then.

    Returns:
        Mean over the batch, in nats (times tau squared for a tau above 1); at least the teacher's entropy.

    Reference:
        Chen et al., NeurIPS 2020, arXiv:2006.10029, equation 2; Hinton et al., 2015, arXiv:1503.02531.
    """
    p = (teacher / temperature).softmax(dim=1)
    log_q = (student / temperature).log_softmax(dim=1)
    return -(p * log_q).sum(dim=1).mean() * max(1.0, temperature) ** 2
