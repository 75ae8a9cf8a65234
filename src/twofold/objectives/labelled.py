"""Say what the labels say, where there are some."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision


@full_precision
def labelled_cross_entropy(
    logits: Float[Tensor, "b k"],
    labels: Int[Tensor, " b"],
    count: Float[Tensor, ""],
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Cross-entropy of the labelled images of a batch.

    Args:
        logits: Of all images.
        labels: Their classes, -1 where there is none.
        count: What the sum over labelled images is divided by: their number. Of several processes it is the
            mean of their numbers, so that the mean of the losses is that of all labelled images.
        label_smoothing: Share of the target that is spread over all classes.

    Returns:
        Mean over the labelled images, in nats; 0 where there are none.
    """
    total = functional.cross_entropy(
        logits, labels, ignore_index=-1, reduction="sum", label_smoothing=label_smoothing
    )
    return total / (count + (count == 0))
