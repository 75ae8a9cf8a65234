"""The tokens of a vision transformer as features, instead of what it pools by itself."""

import re

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import UsageError
from twofold.nn.encoder import Encoder

PATTERN = re.compile(r"cls([1-9]\d*)|cls\+mean")
"""``cls4``: the class tokens of the last four blocks; ``cls+mean``: the last and the mean of the patches'."""


class Tokens(nn.Module):
    """Class tokens of the last blocks side by side, or the last one beside the mean of its patch tokens.

    What DINO and iBOT give a linear classifier: the first, of four blocks, for small transformers, the second
    for base ones. All are normalised by the transformer's last norm.

    Args:
        encoder: A vision transformer of timm with a class token.
        form: As ``PATTERN`` has it.

    Raises:
        UsageError: If the encoder has no class token, or not so many blocks.

    Reference:
        Caron et al., ICCV 2021, arXiv:2104.14294, appendix F.2.
    """

    def __init__(self, encoder: Encoder, form: str) -> None:
        super().__init__()
        found = PATTERN.fullmatch(form)
        assert found is not None
        self.blocks = int(found[1] or 1)
        self.with_mean = found[1] is None
        if not encoder.class_token:
            raise UsageError(f"@{form} is for vision transformers: {encoder.spec['name']} has no class token")
        if self.blocks > encoder.stages:
            raise UsageError(f"@{form}: {encoder.spec['name']} has {encoder.stages} blocks")
        self.encoder = encoder

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        """The tokens as one vector for each image."""
        classes, patches = zip(*self.encoder.tokens(x, self.blocks), strict=True)
        mean = (patches[-1].mean(dim=1),) if self.with_mean else ()
        return torch.cat([*classes, *mean], dim=1)
