"""No option of any protocol can be set to a number that judges nothing, or wrongly."""

import dataclasses
import math
import typing

import numpy as np
import pytest

from twofold.core import registry
from twofold.core.errors import UsageError
from twofold.evaluations.few_labels import FewLabels
from twofold.evaluations.retrieval import Retrieval

LEGITIMATE = {
    "few_labels.finetune": (0,),
    "few_labels.per_class": ((),),
    "few_labels.shares": ((),),
    "finetune.rates": ((0,),),
    "retrieval.ranks": ((),),
}
"""No draw is trained on, only shares are drawn, nothing is learned, only mAP is asked for."""


def numeric():
    """Protocol, option and wrong value, for each that takes numbers."""
    for name in registry.names("evaluations"):
        kind = registry.find("evaluations", name)
        types = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            taken = types[field.name]
            if kinds := {taken, *typing.get_args(taken)} & {int, float}:
                several = typing.get_origin(taken) is tuple
                for value in (0, -1, math.nan) if float in kinds else (0, -1):
                    yield name, field.name, (value,) if several else value
                if several:
                    yield name, field.name, ()


@pytest.mark.parametrize(("name", "option", "value"), [*numeric()])
def test_a_number_that_judges_nothing_is_refused_by_name(name, option, value):
    kind = registry.find("evaluations", name)
    about = {option: value, **({"family": "moco"} if (name, option) == ("linear", "epochs") else {})}
    if value in LEGITIMATE.get(f"{name}.{option}", ()):
        assert kind(**about)
        return
    with pytest.raises(UsageError, match=rf"^{name}: {option} "):
        kind(**about)


@pytest.mark.parametrize("name", ["geometry", "invariance", "local_features", "probes"])
def test_one_image_has_nothing_to_be_compared_with(name):
    with pytest.raises(UsageError, match=f"{name}: images 1: it is 2 or more"):
        registry.find("evaluations", name)(images=1)


def test_without_any_number_of_labels_there_is_no_figure():
    with pytest.raises(UsageError, match="few_labels: give per_class, shares or lists"):
        FewLabels(per_class=(), shares=())
    assert FewLabels(per_class=(), shares=(), lists="some")


def test_without_ranks_the_whole_ranking_is_judged(embedded):
    found = list(Retrieval(ranks=())(embedded()))
    assert [score.metric for score in found] == ["map", "r_precision"]
    assert np.isfinite([score.value for score in found]).all()
