import pytest
import torch

from twofold.core.errors import UsageError
from twofold.nn.encoder import Encoder
from twofold.nn.tokens import Tokens


@pytest.fixture(scope="module", params=["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def transformer(request):
    torch.manual_seed(0)
    return Encoder(request.param, size=32).eval()


@torch.no_grad()
def blocks_of(encoder, views):
    """All tokens after every block, normalised, as seen from outside."""
    seen = []
    hooks = [
        block.register_forward_hook(lambda *given: seen.append(given[2])) for block in encoder.backbone.blocks
    ]
    encoder(views)
    for hook in hooks:
        hook.remove()
    return [encoder.backbone.norm(tokens) for tokens in seen]


def test_class_tokens_of_the_last_blocks_lie_side_by_side_the_last_one_last(transformer):
    views = torch.rand(3, 3, 32, 32)
    expected = torch.cat([tokens[:, 0] for tokens in blocks_of(transformer, views)[-4:]], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(Tokens(transformer, "cls4")(views), expected)


def test_the_last_class_token_beside_the_mean_of_the_patches(transformer):
    views = torch.rand(3, 3, 32, 32)
    last = blocks_of(transformer, views)[-1]
    expected = torch.cat([last[:, 0], last[:, -4:].mean(dim=1)], dim=1)  # 2 x 2 patches, after all prefixes
    with torch.no_grad():
        torch.testing.assert_close(Tokens(transformer, "cls+mean")(views), expected)


def test_other_networks_have_no_class_token():
    with pytest.raises(UsageError, match="resnet18_w4 has no class token"):
        Tokens(Encoder("resnet18_w4", size=16), "cls4")
    with pytest.raises(UsageError, match="has no class token"):
        Tokens(Encoder("vit_base_patch16_siglip_224", size=32), "cls4")


def test_more_blocks_than_there_are(transformer):
    with pytest.raises(UsageError, match=r"@cls13: .* has 12 blocks"):
        Tokens(transformer, "cls13")
