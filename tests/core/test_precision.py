import torch

from twofold.core.precision import cast_up, full_precision


def test_only_half_types_are_cast() -> None:
    assert cast_up(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32
    assert cast_up(torch.ones(2, dtype=torch.float16)).dtype == torch.float32
    assert cast_up(torch.ones(2, dtype=torch.float64)).dtype == torch.float64
    assert cast_up(torch.ones(2, dtype=torch.int64)).dtype == torch.int64
    assert cast_up("text") == "text"


def test_products_are_exact_inside_autocast() -> None:
    a, b = torch.randn(8, 32), torch.randn(32, 8)
    product = full_precision(lambda x, y: x @ y)
    with torch.autocast("cpu", torch.bfloat16):
        assert (a @ b).dtype == torch.bfloat16
        assert torch.equal(product(a, y=b), product(a, b))
        assert product(a, b).dtype == torch.float32
        assert torch.is_autocast_enabled("cpu")
