"""A memory bank: one unit vector for every image, equal on all processes and kept in checkpoints."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core import dist
from twofold.core.errors import UsageError
from twofold.core.precision import cast_up, full_precision


class Bank(nn.Module):
    """Remembers what every image was embedded as; random unit vectors until it is filled or the image is met.

    What a step learns is staged while the loss is computed and written after it: no embedding is ever
    compared with itself here.

    Args:
        items: Images in the data.
        width: Length of an embedding.
        momentum: Share of the old row that stays in the new one.

    Attributes:
        rows: One unit vector an image.

    Reference:
        Wu et al., CVPR 2018, arXiv:1805.01978, sections 3.2 and 3.3.
    """

    rows: Float[Tensor, "items width"]

    def __init__(self, items: int, width: int, momentum: float = 0.5) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("rows", F.normalize(torch.randn(items, width)))
        self._staged: tuple[Tensor, Tensor] | None = None

    def draw(self, count: int, each: int, step: int) -> Int[Tensor, "{count} {each}"]:
        """Which rows serve as negatives: uniform, with replacement, the same ones for the same step.

        All processes draw for the whole batch and keep what is theirs, so that each of them compares with
        what one process would have compared its images with. An image may meet its own row.

        Args:
            count: Images of this process.
            each: Negatives of each image.
            step: Of the training.

        Raises:
            UsageError: If no negatives are wanted.
        """
        if each < 1:
            raise UsageError(f"--negatives must be 1 or more, not {each}")
        device = self.rows.device
        random = torch.Generator(device).manual_seed(step)
        everyone = (dist.world_size() * count, each)
        drawn = torch.randint(len(self.rows), everyone, generator=random, device=device)
        return drawn[dist.rows(count).to(device)]

    def look_up(self, items: Int[Tensor, "*n"]) -> Float[Tensor, "*n width"]:
        """The memories of some images; much faster than indexing ``rows`` where they are many."""
        return F.embedding(items, self.rows)

    def stage(self, items: Int[Tensor, " b"], vectors: Float[Tensor, "b width"]) -> None:
        """Remembers the embeddings of this step, those of all processes.

        Args:
            items: Rows of the images in the data; of an image that is there twice the last one counts.
            vectors: Of any length; their direction is kept.
        """
        items, vectors = dist.gather(items), dist.gather(F.normalize(cast_up(vectors.detach())))
        last = ((items[:, None] == items) * torch.arange(len(items), device=items.device)).amax(dim=1)
        self._staged = items, vectors[last]

    @full_precision
    @torch.no_grad()
    def fill(self, vectors: Float[Tensor, "items width"]) -> None:
        """Embeddings of all images take the place of random vectors.

        A random memory is a wrong target: for an epoch, until every image was met, an encoder learns little
        but to move away from where it has just been.

        Args:
            vectors: Of any length; their direction is kept.
        """
        self.rows.copy_(F.normalize(vectors.to(self.rows)))

    @torch.no_grad()
    def write(self) -> None:
        """Moves the rows of the staged images towards their embeddings, along the sphere."""
        if self._staged is None:
            return
        items, vectors = self._staged
        self.rows[items] = F.normalize(self.rows[items].lerp(vectors.to(self.rows), 1 - self.momentum))
        self._staged = None


class Partition(nn.Module):
    """The constant Z of noise-contrastive estimation: estimated from the first batch, then frozen.

    Attributes:
        log_z: Minus infinity until the first step is over.

    Reference:
        Wu et al., CVPR 2018, arXiv:1805.01978, section 3.2.
    """

    log_z: Float[Tensor, ""]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_z", torch.tensor(-torch.inf))
        self._staged: Tensor | None = None

    def forward(self, estimate: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The logarithm of Z; in the first step, what the batches of all processes estimate it to be.

        Args:
            estimate: What the batch of this process says: the logarithm of its mean.
        """
        estimates = dist.gather(cast_up(estimate.detach())[None])
        log_z = estimates.logsumexp(dim=0) - math.log(len(estimates))
        log_z = torch.where(self.log_z.isinf(), log_z, self.log_z)
        self._staged = log_z
        return log_z

    @torch.no_grad()
    def write(self) -> None:
        """Keeps the constant that was used."""
        if self._staged is not None:
            self.log_z.copy_(self._staged)
