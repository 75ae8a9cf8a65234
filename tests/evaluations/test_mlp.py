import dataclasses

import pytest
import torch

from twofold.evaluations.linear import Linear
from twofold.evaluations.mlp import Mlp


def ring(embedded):
    """Features of which one class lies around the other: no plane parts them."""
    given = embedded(classes=2, width=2)

    def side(labels, seed):
        random = torch.Generator().manual_seed(seed)
        angle = torch.rand(len(labels), generator=random) * 6.2832
        radius = 1 + 2 * labels + 0.3 * torch.randn(len(labels), generator=random)
        return radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)

    return given._replace(fit=side(given.fit_labels, 1), judge=side(given.judge_labels, 2))


def test_it_finds_what_no_plane_parts(embedded):
    given = ring(embedded)
    wide = given._replace(  # two hidden units are too few for a ring
        fit=torch.cat([given.fit, given.fit.flip(1), -given.fit], dim=1),
        judge=torch.cat([given.judge, given.judge.flip(1), -given.judge], dim=1),
    )
    linear, mlp = (next(protocol(wide)).value for protocol in (Linear(), Mlp()))
    assert linear < 0.75 < 0.9 < mlp


def test_several_networks_are_averaged_and_their_spread_is_told(embedded):
    accuracy = next(Mlp(networks=3)(embedded()))
    found = accuracy.protocol["found"]
    assert len(found["values"]) == accuracy.protocol["probes"] == 3
    assert accuracy.value == pytest.approx(sum(found["values"]) / 3)
    assert "selected" not in accuracy.protocol and accuracy.per_image.shape == (200,)


def test_each_of_several_random_encoders_has_one_network_unlike_the_others(embedded):
    given = embedded()._replace(protocol={"networks": 3})
    values = {next(Mlp(networks=5)(given._replace(network=number))).value for number in range(3)}
    assert len(values) == 3
    assert "found" not in next(Mlp(networks=5)(given)).protocol


def test_judged_images_decide_nothing(embedded):
    given = embedded()
    images = dataclasses.replace(given.task.judge, labels=(given.task.judge.labels + 1) % 4)
    other = given._replace(task=dataclasses.replace(given.task, judge=images))
    one, moved = next(Mlp(networks=1)(given)), next(Mlp(networks=1)(other))
    assert one.value > 0.4 > moved.value


def test_fewer_images_are_learned_from_where_that_is_asked_for_and_pixels_are_left_out(embedded):
    assert next(Mlp(networks=1, images=100)(embedded(count=300))).protocol["images"] == 100
    assert not list(Mlp()(embedded()._replace(subject="pixels")))
