"""AutoAugment's policies are the published ones, and do to an image what other implementations do."""

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.auto_augment import AugmentOp
from torchvision.transforms import AutoAugment as TorchvisionAutoAugment
from torchvision.transforms import AutoAugmentPolicy

from twofold.views.counter import Counter
from twofold.views.ops.autoaugment import POLICIES, AutoAugment, _table
from twofold.views.ops.randaugment import KINDS, in_turns, told

NAMES = {"colour": "Color", "autocontrast": "AutoContrast"}
COUNT, SIDE = 20_000, 48


def others(kind: str) -> str:
    """Its name elsewhere: ``shear_x`` is ShearX."""
    return NAMES.get(kind) or "".join(part.capitalize() for part in kind.split("_"))


@pytest.mark.parametrize("policy", ["imagenet", "cifar10"])
def test_the_policies_are_torchvisions(policy: str) -> None:
    def read(text: str) -> tuple[str, float, int | None]:
        name, share, *magnitude = text.split()
        return others(name), int(share) / 10, int(magnitude[0]) if magnitude else None

    own = [tuple(read(text) for text in pair.split(",")) for pair in POLICIES[policy].split(";")]
    assert own == TorchvisionAutoAugment(AutoAugmentPolicy(policy)).policies


def drawn(policy: str) -> dict[str, np.ndarray]:
    return AutoAugment(policy).draw(Counter(0, 0, 0, np.arange(COUNT)), SIDE)  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", ["imagenet", "cifar10"])
def test_each_operation_comes_as_often_as_the_policy_says(policy: str) -> None:
    kinds = drawn(policy)["kind"]
    for turn in range(2):
        for number, kind in enumerate(KINDS):
            pairs = TorchvisionAutoAugment(AutoAugmentPolicy(policy)).policies
            share = sum(pair[turn][1] for pair in pairs if pair[turn][0] == others(kind)) / len(pairs)
            assert (kinds[:, turn] == number).mean() == pytest.approx(share, abs=0.015)


def test_its_two_operations_are_of_one_pair() -> None:
    pairs = TorchvisionAutoAugment(AutoAugmentPolicy.IMAGENET).policies
    known = {tuple(name for name, _, _ in pair) for pair in pairs}
    kinds = drawn("imagenet")["kind"]
    both = {tuple(others(KINDS[kind]) for kind in pair) for pair in kinds[(kinds >= 0).all(axis=1)]}
    assert both == known


@pytest.mark.parametrize("policy", ["imagenet", "cifar10"])
def test_colours_are_changed_as_by_pillow(policy: str) -> None:
    """Every operation and magnitude by itself, as timm has the paper's."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].double() / 255
    for text, values in _operations(policy):
        name, _, *magnitude = text.split()
        if KINDS.index(name) >= KINDS.index("rotate"):
            continue
        theirs = "PosterizeOriginal" if name == "posterize" else others(name)
        expected = np.array(AugmentOp(theirs, 1.0, int(magnitude[0]) if magnitude else 0)(image))
        got = in_turns(x, **values)[0].permute(1, 2, 0).numpy() * 255
        assert np.quantile(abs(got - expected), 0.99) <= 1.5, text  # Pillow rounds after each step


def _operations(policy: str) -> list[tuple[str, dict[str, torch.Tensor]]]:
    """Each operation of the policy, and what it alone is told."""
    texts = [text for pair in POLICIES[policy].split(";") for text in pair.split(",")]
    rows = []
    for text, (kind, _, level) in zip(texts, _table(policy).reshape(-1, 3), strict=True):
        one = np.array([kind]).astype(np.int64), np.array([level]), np.array([level]), np.array([False])
        values = {name: torch.from_numpy(value) for name, value in told([one], SIDE).items()}
        rows.append((text, {name: values[name] for name in ("kind", "amount", "step", "cubic")}))
    return rows
