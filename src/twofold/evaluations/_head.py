"""Fits what turns an encoder's vector into classes: a linear layer, or a network with one hidden layer."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from twofold.core.precision import full_precision
from twofold.evaluations._lbfgs import minimise
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations._standardise import standardised
from twofold.nn.class_network import HeadKind, new_head

_MOST_STEPS = 200
_TOLERANCE = 1e-5
"""Decrease of the loss that is not worth another step."""


def random_head(kind: HeadKind, width: int, classes: int, seed: int) -> nn.Sequential:
    """What a network that is trained from scratch begins with: the same for the same seed.

    Args:
        kind: ``linear`` or ``mlp``.
        width: Length of ``h``.
        classes: Number of classes.
        seed: Of the weights; torch's own random state stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return new_head(kind, width, classes)


def fit_linear(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    classes: int,
    strength: float,
    *,
    scaled_like: Float[Tensor, "m d"] | None = None,
) -> nn.Sequential:
    """The linear evaluation's probe.

    Args:
        features: ``h`` of each image.
        labels: Class of each image.
        classes: Number of classes.
        strength: Of the L2 penalty, as the evaluation selects it.
        scaled_like: Features that channels are standardised by, where those of a few images could not tell
            how much each of them varies; None is ``features``.
    """
    head = new_head("linear", features.shape[1], classes).to(features.device)
    inputs = _learn_scale(head, features if scaled_like is None else scaled_like)
    if scaled_like is not None:
        inputs = head[0](features)
    probe = LogisticRegression(inputs, labels, classes).fit(strength)
    head[1].load_state_dict({"weight": probe.weight, "bias": probe.bias})
    return head.eval()


def fit_mlp(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int, seed: int
) -> nn.Sequential:
    """A network with one hidden layer: penalised cross-entropy, by L-BFGS in full batches.

    The penalty is ``l2 / 2 * |W|^2`` with ``l2 = 0.5 / sqrt(n)``: near the best for 50, 500 and 8,000
    labelled images of CIFAR-10.

    Args:
        features: ``h`` of each image.
        labels: Class of each image.
        classes: Number of classes.
        seed: Of the initial weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = new_head("mlp", features.shape[1], classes).to(features.device)
    inputs, network = _learn_scale(head, features), head[1]
    parameters = list(network.parameters())
    l2 = 0.5 / len(features) ** 0.5

    def objective(point: Float[Tensor, " p"]) -> tuple[float, Float[Tensor, " p"]]:
        vector_to_parameters(point, parameters)
        penalty = torch.stack([p.square().sum() for p in parameters if p.ndim > 1]).sum()
        loss = F.cross_entropy(network(inputs), labels) + l2 / 2 * penalty
        return loss.item(), parameters_to_vector(torch.autograd.grad(loss, parameters))

    start = parameters_to_vector(parameters).detach()
    vector_to_parameters(minimise(objective, start, steps=_MOST_STEPS, tolerance=_TOLERANCE), parameters)
    return head.eval()


@full_precision
@torch.no_grad()
def _learn_scale(head: nn.Sequential, features: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Sets the head's standardisation by ``features``, and returns them standardised.

    Standardising is affine: what it makes of 1 above the mean says how it scales.
    """
    mean = features.mean(dim=0)
    inputs, above = standardised(features, mean[None] + 1)
    head[0].load_state_dict({"mean": mean, "scale": 1 / above[0]})
    return inputs
