"""A linear probe in closed form: fast enough to look at while an encoder trains."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision


@full_precision
@torch.no_grad()
def ridge_accuracy(
    bank: Float[Tensor, "n d"],
    bank_labels: Int[Tensor, " n"],
    queries: Float[Tensor, "q d"],
    query_labels: Int[Tensor, " q"],
    *,
    strength: float = 0.1,
) -> float:
    """Share of the queries that a ridge regression on one-hot labels, fitted to the bank, classifies rightly.

    Channels are brought to mean 0 and standard deviation 1, those that stand still to 0. The evaluations fit
    logistic regressions, whose figures are other figures.

    Args:
        bank: Features that are fitted.
        bank_labels: Their classes.
        queries: Features that are judged.
        query_labels: Their classes.
        strength: Of the penalty, above 0, in units of a channel's variance.

    Reference:
        Hoerl & Kennard, Technometrics 1970.
    """
    classes = int(torch.maximum(bank_labels.max(), query_labels.max())) + 1
    mean, scale = bank.double().mean(dim=0), bank.double().std(dim=0, correction=0)
    scale = torch.where(scale > 1e-6 * scale.max(), scale, torch.inf)
    x = (bank.double() - mean) / scale
    y = functional.one_hot(bank_labels, classes).double()
    gram = x.T @ x / len(x)
    gram.diagonal().add_(strength)
    weight = torch.linalg.solve(gram, x.T @ (y - y.mean(dim=0)) / len(x))
    said = (queries.double() - mean) / scale @ weight + y.mean(dim=0)
    share: float = (said.argmax(dim=1) == query_labels).double().mean().item()
    return share
