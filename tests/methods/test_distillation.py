import pytest
import torch
from torch.nn import functional as F

import tiny
from processes import in_processes
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


def slow_loss(said: torch.Tensor, told: torch.Tensor, labels: torch.Tensor, alpha: float) -> float:
    """Equation 3 of arXiv:2006.10029 image by image, each of its two sums a mean."""
    of_labels, of_teacher = [], []
    for student, teacher, label in zip(said.softmax(dim=1), told.softmax(dim=1), labels, strict=True):
        of_teacher.append(-sum(p * q.log() for p, q in zip(teacher, student, strict=True)))
        if label >= 0:
            of_labels.append(-student[label].log())
    mean_of_labels = sum(of_labels) / len(of_labels) if of_labels else 0
    return float((1 - alpha) * mean_of_labels + alpha * sum(of_teacher) / len(of_teacher))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_labels_have_their_share(alpha: float) -> None:
    method = make(alpha=alpha)
    batch = tiny.make_batch(method, dtype=torch.float64)
    assert ("label" in batch.targets) is (alpha < 1)
    x = batch.views[0].pixels
    said, told = method.classifier(method.encoder(x)).detach(), method.teacher(x)
    for labels in ((torch.arange(len(x)) % 5 - 2).clamp(min=-1), torch.full((len(x),), -1)):
        batch = batch._replace(targets={"label": labels} if alpha < 1 else {})
        loss = method(batch, tiny.progress(0)).loss
        assert loss.item() == pytest.approx(slow_loss(said, told, labels, alpha))
        assert loss.requires_grad


def test_several_processes_find_the_mean_over_the_labels_of_all() -> None:
    """These have different numbers of them."""
    parts = in_processes(2, tiny.train, "distillation", {"alpha": 0.3}, 3)
    tiny.assert_equal_training(parts, tiny.train("distillation", {"alpha": 0.3}, 3))


def test_alpha_is_a_share() -> None:
    with pytest.raises(UsageError, match="--alpha must be from 0 to 1"):
        make(alpha=1.5)


def test_only_the_student_is_saved_beside_the_encoder() -> None:
    assert set(make().parts()) == {"classifier"}
