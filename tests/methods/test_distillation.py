import pytest
import torch
from torch.nn import functional as F

import tiny
from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.methods.distillation import Distillation
from twofold.objectives.soft_targets import soft_cross_entropy


def make(**changes: object) -> Method:
    return tiny.make_method("distillation", torch.float64, **changes)


def test_without_a_teacher_it_says_where_one_comes_from() -> None:
    with pytest.raises(UsageError, match="twofold distill"):
        Distillation(tiny.make_encoder).setup(10, 3, 10)


def test_the_student_has_an_output_for_each_class_of_the_teacher() -> None:
    """However many classes the images have, if any."""
    method = Distillation(tiny.make_encoder)
    method.learn_from(tiny.make_teacher())
    method.setup(10, 0, 10)
    assert method.classifier.out_features == 3


def test_the_teacher_sees_the_same_crop_at_its_own_size_and_never_changes() -> None:
    method = make(temperature=2.0)
    batch = tiny.make_batch(method, dtype=torch.float64)
    small = batch._replace(
        views=tuple(v._replace(pixels=F.interpolate(v.pixels, (12, 12))) for v in batch.views)
    )
    before = {key: value.clone() for key, value in method.teacher.state_dict().items()}
    method.train()
    assert not any(module.training for module in method.teacher.modules())
    for given, shown in ((batch, lambda x: x), (small, resized)):
        x = given.views[0].pixels
        step = method(given, tiny.progress(0))
        said = method.classifier(method.encoder(x))
        expected = soft_cross_entropy(said, method.teacher(shown(x)), 2.0)
        assert step.loss.item() == pytest.approx(expected.item())
    step.loss.backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert all(torch.equal(value, before[key]) for key, value in method.teacher.state_dict().items())


def resized(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, (tiny.SIDE, tiny.SIDE), mode="bilinear", antialias=True)


def test_only_the_student_is_saved_beside_the_encoder() -> None:
    assert set(make().parts()) == {"classifier"}
