import torch
from torch import Tensor

import tiny
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.nn.multicrop import apart, embed_views


def test_global_and_small_views_are_told_apart_by_the_recipe_and_not_by_their_size() -> None:
    local = ViewSpec(Crop(), local=True)
    recipe = Recipe("mixed", (local, ViewSpec(Crop(side=0.5)), ViewSpec(Crop(side=0.5)), local))
    batch = tiny.make_batch(tiny.make_method("byol", recipe=recipe))
    whole, small = apart(batch, recipe)
    assert [x is view.pixels for x, view in zip(whole, batch.views[1:3], strict=True)] == [True, True]
    assert [x is view.pixels for x, view in zip(small, batch.views[::3], strict=True)] == [True, True]


def test_no_views_have_no_embeddings() -> None:
    assert [*embed_views(lambda x: x, lambda h: h, [])] == []


def test_views_of_one_size_go_together_and_keep_their_places() -> None:
    seen = []

    def encoder(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x.mean(dim=(2, 3))

    views = [torch.full((2, 1, side, side), float(i)) for i, side in enumerate((4, 4, 3, 3, 3, 4))]
    z = embed_views(encoder, lambda h: h + 10, views)
    assert seen == [(4, 1, 4, 4), (6, 1, 3, 3), (2, 1, 4, 4)]
    assert torch.equal(z, torch.arange(6.0).view(6, 1, 1).expand(6, 2, 1) + 10)
