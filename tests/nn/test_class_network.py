import torch

import tiny


def test_logits_are_in_full_precision_under_autocast() -> None:
    network = tiny.make_teacher()
    x = torch.rand(4, 3, tiny.SIDE, tiny.SIDE)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network(x).dtype == torch.float32
    with torch.no_grad():
        assert torch.equal(network(x), network.head(network.encoder(x)))
