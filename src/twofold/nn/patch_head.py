"""One embedding of an image that comes in patches."""

from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import UsageError


class PatchHead(nn.Module):
    """Embeds each patch alike, puts the embeddings side by side, and maps them to one by a linear layer.

    Patches come in an order drawn anew for every image, so that none has a place of its own.

    Args:
        each: What embeds the features of one patch.
        count: Patches of an image.
        width: Length of the embedding of one patch.
        dim: Length of the image's.

    Raises:
        UsageError: If an image comes in another number of patches.

    Reference:
        Misra & van der Maaten, CVPR 2020, arXiv:1912.01991, section 3.2.
    """

    def __init__(self, each: nn.Module, count: int, width: int, dim: int) -> None:
        super().__init__()
        self.count = count
        self.each = each
        self.joined = nn.Linear(count * width, dim)

    def forward(self, h: Float[Tensor, "b p w"]) -> Float[Tensor, "b d"]:
        """The image's embedding from the features of its patches."""
        b, p = h.shape[:2]
        if p != self.count:
            raise UsageError(
                f"the recipe cuts an image into {p} patches, but the method joins {self.count}: "
                f"give the method --patches {p}, or the recipe another grid"
            )
        z: Tensor = self.joined(self.each(h.flatten(0, 1)).reshape(b, -1))
        return z


def embed_patches(encoder: nn.Module, x: Float[Tensor, "b p c h w"]) -> Float[Tensor, "b p d"]:
    """The encoder's features of every patch."""
    h: Tensor = encoder(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    return h
