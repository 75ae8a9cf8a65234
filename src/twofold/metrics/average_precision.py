"""Average precision at eleven recalls: the figure of Pascal VOC 2007, of images that show several classes."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from twofold.metrics.intervals import Estimate, wilson

_STEPS = 10


def eleven_point(
    scores: Float[Tensor, " n"], shown: Bool[Tensor, " n"], times: Int[Tensor, "samples n"]
) -> Float[Tensor, " samples"]:
    """Mean, over the recalls 0, 0.1 ... 1, of the best precision at that recall or a higher one.

    Args:
        scores: Of the images, higher for those that rather show the class; of equals the first ranks first.
        shown: Whether they show it.
        times: How often each image counts, in some samples of the images.

    Returns:
        NaN for a sample in which no image shows the class.

    Reference:
        Everingham et al., The Pascal Visual Object Classes Challenge (IJCV 2010), section 4.2.
    """
    order = scores.argsort(descending=True, stable=True)
    counted = times[:, order]
    found = (counted * shown[order]).cumsum(1)
    precision = found / counted.cumsum(1).clamp(min=1)
    best = precision.flip(1).cummax(1).values.flip(1)
    total = found[:, -1:]
    recalls = total * torch.arange(_STEPS + 1, device=scores.device)
    first = torch.searchsorted(found * _STEPS, recalls)
    return best.gather(1, first).mean(1).where(total[:, 0] > 0, torch.nan)


def mean_average_precision(
    scores: Float[Tensor, "n c"], shown: Int[Tensor, "n c"], *, draws: int = 200, seed: int = 0
) -> Estimate:
    """Mean of the classes' average precisions, with the interval of a bootstrap over the images.

    A class that no image shows is left out. Images whose scores are equal rank in random order. Where no
    ranking has a fault all samples are the same; then the interval is Wilson's.

    Args:
        scores: Of each image and class.
        shown: 1 where an image shows a class, 0 where it does not, -1 where it is not to be counted.
        draws: Bootstrap samples; 0 for no interval.
        seed: Of the samples, and of the order of equals.

    Raises:
        ValueError: If no image shows any class.
    """
    if not (shown == 1).any():
        raise ValueError("where no image shows any class there is nothing to find")
    images = len(scores)
    random = np.random.default_rng(seed)
    samples = random.multinomial(images, np.full(images, 1 / images), size=draws)
    order = torch.from_numpy(random.permutation(images)).to(scores.device)
    scores, shown = scores[order], shown[order]
    times = torch.from_numpy(np.vstack([np.ones_like(samples, shape=(1, images)), samples])).to(scores.device)
    of_classes = []
    for score, has in zip(scores.T, shown.T, strict=True):
        counted = has >= 0
        of_classes.append(eleven_point(score[counted], has[counted] == 1, times[:, counted]))
    value, *resampled = torch.stack(of_classes).double().nanmean(0).tolist()
    if value == 1 and draws:
        return wilson(images, images)
    low, high = np.nanquantile(resampled, [0.025, 0.975]) if resampled else (value, value)
    return Estimate(value, float(min(low, value)), float(max(high, value)))
