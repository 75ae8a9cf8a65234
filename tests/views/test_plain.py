"""Recipes as data: in a run's spec, in YAML, in print."""

import json

import pytest

from twofold.core.errors import UsageError
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.views.asked import asked, known
from twofold.views.ops.blur import Blur
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.solarize import Solarize
from twofold.views.plain import from_json, to_json
from twofold.views.pretext_recipes import JIGSAW, can, ibot
from twofold.views.recipes import C_CIFAR, B, C, D, dino, multi_crop, one_branch, simclr, sizes

RECIPES = [each for each in known().values() if isinstance(each, Recipe)]
MADE = [can(), ibot(), dino(), multi_crop(D), one_branch(Blur()), sizes(D, [(1.0, (0.2, 1.0), 2)])]


@pytest.mark.parametrize("recipe", [*RECIPES, *MADE], ids=lambda recipe: recipe.name)
def test_a_recipe_is_plain_data_and_back(recipe):
    plain = json.loads(json.dumps(to_json(recipe)))
    assert from_json(plain) == recipe
    assert hash(from_json(plain)) == hash(recipe)
    assert asked(plain, 224) == recipe


def test_different_recipes_are_different_data():
    assert len({json.dumps(to_json(recipe)) for recipe in RECIPES}) == len(RECIPES)
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)


def test_what_was_written_before_a_field_was_there_is_read():
    old = {"name": "old", "views": [{"crop": {"scale": [0.2, 1.0]}, "operations": [], "count": 2}]}
    assert from_json(old) == Recipe("old", (ViewSpec(Crop(scale=(0.2, 1.0)), count=2),))


def test_a_recipe_prints_one_line_a_view():
    title, first, local = str(multi_crop(B)).splitlines()
    assert title == "B+6 local"
    assert first.startswith("  2 x Crop(scale=(0.14, 1)) > Flip(p=0.5) > Jitter(brightness=0.4,")
    assert local.endswith("Blur(p=0.5, sigma=(0.233, 4.67)) [local]") and "side=0.429" in local
    assert str(one_branch(Blur())).splitlines()[2].endswith("[twin of 0]")


def test_a_name_is_fitted_to_the_size_of_the_views():
    assert asked("C", 224) == C
    assert asked("C_CIFAR", 32) == C_CIFAR
    assert asked("C", 32) == C.without(Blur)
    assert asked("JIGSAW", 224) == JIGSAW == asked("jigsaw", 224)


def test_a_function_takes_arguments():
    assert asked({"base": "simclr", "arguments": {"strength": 0.5}}, 224) == simclr(0.5)
    given = {"base": "D", "wanted": [[1.0, [0.14, 1.0], 2], [0.5, [0.05, 0.14], 3]]}
    expected = sizes(D, [(1.0, (0.14, 1.0), 2), (0.5, (0.05, 0.14), 3)])
    assert asked({"base": "sizes", "arguments": given}, 224) == expected


def test_what_a_function_changes_is_the_methods_own_where_nothing_else_is_named():
    assert asked("multi_crop", 224, B) == multi_crop(B)
    assert asked("multi_crop", 32, B) == multi_crop(B).without(Blur)
    assert asked({"base": "multi_crop", "arguments": {"local_count": 2}}, 224, D) == multi_crop(
        D, local_count=2
    )
    assert asked({"base": "multi_crop", "arguments": {"base": "C"}}, 224, D) == multi_crop(C)
    assert asked("C", 224, D) == C
    with pytest.raises(UsageError, match="needs arguments: base"):
        asked("multi_crop", 224)


def test_operations_are_changed_removed_and_added():
    change = {"crop": {"scale": [0.3, 1]}, "Jitter": {"hue": 0.2}, "Gray": None, "Solarize": {"p": 0.1}}
    recipe = asked({"base": "multi_crop", "arguments": {"base": "B"}, "change": change}, 224)
    whole, local = recipe.views
    assert whole.crop == Crop(scale=(0.3, 1.0)) and local.crop.scale == (0.05, 0.14)
    assert whole.operations == (Flip(), Jitter(0.4, 0.4, 0.4, 0.2), Blur(), Solarize(0.1))
    assert recipe.name == "B+6 local changed"
    assert to_json(recipe)["views"][0]["crop"]["scale"] == [0.3, 1.0]
    assert asked({"base": "C", "change": {}, "name": "mine"}, 224).name == "mine"


def test_a_whole_recipe_may_leave_out_defaults():
    view = {"crop": {"scale": [0.2, 1]}, "operations": ["Flip", {"Blur": {"p": 1}}], "count": 2}
    expected = ViewSpec(Crop(scale=(0.2, 1.0)), (Flip(), Blur(p=1.0)), count=2)
    assert asked({"name": "mine", "views": [view]}, 32) == Recipe("mine", (expected,))


def one_view(**fields):
    return {"views": [fields]}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("D_CIFA", "did you mean 'D_CIFAR'"),
        ({"base": "simclrr"}, "did you mean 'simclr'"),
        ({"base": "simclr", "arguments": {"strenght": 1}}, "did you mean 'strength'"),
        ({"base": "sizes", "arguments": {"base": "C"}}, "needs arguments: wanted"),
        ({"base": "C", "arguments": {"strength": 1}}, "takes no arguments"),
        ({"base": "C", "change": {"Blurr": None}}, "did you mean 'Blur'"),
        ({"base": "C", "change": {"Blur": {"sigmas": [1, 2]}}}, "did you mean 'sigma'"),
        ({"base": "C", "chance": {}}, "did you mean 'change'"),
        ({"change": {}}, "needs 'base'"),
        (one_view(operation=[]), "did you mean 'operations'"),
        (one_view(operations=["Crop"]), "no view operation is called 'Crop'"),
        (one_view(operations=["Jitter"]), "Jitter needs brightness, contrast, saturation, hue"),
        (one_view(crop={"scale": 0.5}), "Crop cannot have scale 0.5: it has to be tuple[float, float]"),
        (one_view(crop={"scale": [0.5]}), "has to be tuple[float, float]"),
        (one_view(crop={"interpolation": "cubic"}), "has to be Literal['bilinear', 'bicubic']"),
        (one_view(operations=[{"Flip": {"p": True}}]), "Flip cannot have p True: it has to be float"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(wrong, told):
    with pytest.raises(UsageError) as error:
        asked(wrong, 224)
    assert told in str(error.value)


@pytest.mark.parametrize("count", [-1, 101, 2**70])
def test_numbers_of_views_that_would_fill_the_memory_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match="0 to 100"):
        from_json({"views": [{"count": count}]})
