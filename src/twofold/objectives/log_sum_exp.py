"""The denominators of large-batch contrast, without ever holding all pairs.

``log sum exp`` of similarities is all of a contrastive loss that grows with the square of the batch. Here it
is computed block by block, forth and back, so that memory grows linearly. Every pair within one set is
multiplied and exponentiated once for both of its members.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 1024
"""Rows and columns of a block: two blocks of float32 stay in a second-level cache or near it."""

LARGEST = 40.0
"""Similarities up to this many nats can be exponentiated as they are: neither e^40 times any batch leaves
float32 at the upper end, nor e^-40 at the lower."""


def among(z: Float[Tensor, "n d"], temperature: float) -> Float[Tensor, " n"]:
    """For each vector: log of the sum, over all others, of ``exp(z_i . z_k / temperature)``.

    Args:
        z: Unit vectors.
        temperature: tau, above 0; any value is safe.
    """
    if temperature * LARGEST < 1:
        return between(z, torch.arange(len(z), device=z.device), z, temperature)
    result: Tensor = _Among.apply(z, temperature)
    return result


def between(
    anchors: Float[Tensor, "b d"],
    rows: Int[Tensor, " b"],
    candidates: Float[Tensor, "n d"],
    temperature: float,
) -> Float[Tensor, " b"]:
    """The same for some anchors among candidates.

    Args:
        anchors: Unit vectors.
        rows: The candidate that each anchor is itself, which is left out.
        candidates: Unit vectors.
        temperature: tau, above 0; any value is safe.
    """
    result: Tensor = _Between.apply(anchors, rows.to(anchors.device), candidates, temperature)
    return result


class _Among(torch.autograd.Function):
    """Blocks on and above the diagonal; each serves its rows and its columns."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, temperature: float) -> Tensor:
        sums = z.new_zeros(len(z))
        space = _spaces(z, 1)[0]
        for one, other in _triangle(len(z)):
            similar = _exponentials(z, one, other, temperature, space)
            sums[one] += similar.sum(1)
            if one != other:
                sums[other] += similar.sum(0)
        result = sums.log()
        ctx.save_for_backward(z, result)
        ctx.temperature = temperature
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        z, result = ctx.saved_tensors
        share = gradient * torch.exp(-result) / ctx.temperature
        out = torch.zeros_like(z)
        first, second = _spaces(z, 2)
        for one, other in _triangle(len(z)):
            similar = _exponentials(z, one, other, ctx.temperature, first)
            both = second[: similar.numel()].view_as(similar)
            torch.add(share[one, None], share[other], out=both)
            similar *= both
            out[one].addmm_(similar, z[other])
            if one != other:
                out[other].addmm_(similar.T, z[one])
        return out, None


class _Between(torch.autograd.Function):
    """So many rows at once as make a few blocks."""

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, rows: Tensor, candidates: Tensor, temperature: float) -> Tensor:
        parts = [
            torch.logsumexp(_similarities(anchors, rows, candidates, temperature, some), 1)
            for some in _bands(len(anchors), len(candidates))
        ]
        result = torch.cat(parts)
        ctx.save_for_backward(anchors, rows, candidates, result)
        ctx.temperature = temperature
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        anchors, rows, candidates, result = ctx.saved_tensors
        share = gradient / ctx.temperature
        to_anchors, to_candidates = torch.zeros_like(anchors), torch.zeros_like(candidates)
        for some in _bands(len(anchors), len(candidates)):
            weights = _similarities(anchors, rows, candidates, ctx.temperature, some)
            weights.sub_(result[some, None]).exp_().mul_(share[some, None])
            torch.mm(weights, candidates, out=to_anchors[some])
            to_candidates.addmm_(weights.T, anchors[some])
        return to_anchors, None, to_candidates, None


def _triangle(size: int) -> list[tuple[slice, slice]]:
    parts = [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
    return [(one, other) for i, one in enumerate(parts) for other in parts[i:]]


def _bands(anchors: int, candidates: int) -> list[slice]:
    height = max(1, 2 * BLOCK * BLOCK // candidates)
    return [slice(start, min(start + height, anchors)) for start in range(0, anchors, height)]


def _spaces(z: Tensor, count: int) -> list[Tensor]:
    """Memory of blocks, used again and again."""
    return [z.new_empty(min(len(z), BLOCK) ** 2) for _ in range(count)]


def _exponentials(z: Tensor, one: slice, other: slice, temperature: float, space: Tensor) -> Tensor:
    """``exp(z_i . z_k / temperature)`` of a block, 0 on the diagonal."""
    rows, columns = one.stop - one.start, other.stop - other.start
    similar = space[: rows * columns].view(rows, columns)
    torch.mm(z[one] / temperature, z[other].T, out=similar)
    similar.exp_()
    return similar.fill_diagonal_(0) if one == other else similar


def _similarities(
    anchors: Tensor, rows: Tensor, candidates: Tensor, temperature: float, some: slice
) -> Tensor:
    similar = (anchors[some] / temperature) @ candidates.T
    return similar.scatter_(1, rows[some, None], -torch.inf)
