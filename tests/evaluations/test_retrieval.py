import dataclasses

import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError
from twofold.evaluations.retrieval import Retrieval


def by_metric(scores):
    return {score.metric: score for score in scores}


def labelled(given, labels):
    """The same features of judged images with other labels."""
    judge = dataclasses.replace(given.task.judge, labels=np.asarray(labels))
    return given._replace(task=dataclasses.replace(given.task, judge=judge))


def test_all_is_found_where_classes_lie_apart_and_better_features_find_more(embedded):
    easy = by_metric(Retrieval()(embedded(distance=60.0)))
    assert list(easy) == ["recall@1", "recall@5", "recall@10", "map", "r_precision"]
    assert all(score.value == pytest.approx(1.0) for score in easy.values())
    poor, good = (by_metric(Retrieval()(embedded(distance=distance))) for distance in (1.0, 5.0))
    assert all(poor[metric].value < good[metric].value for metric in ("recall@1", "map", "r_precision"))
    assert good["map"].low < good["map"].value < good["map"].high


def test_a_ranking_without_fault_is_not_certain(embedded):
    scores = Retrieval()(embedded(distance=100.0, judged=20))
    assert all(score.value == score.high == 1 and 0.7 < score.low < 0.95 for score in scores)


def test_recall_grows_with_k(embedded):
    recalls = [score.value for score in Retrieval(ranks=(1, 2, 4, 8, 199))(embedded())][:5]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1.0


def test_images_to_fit_on_take_no_part(embedded):
    given = embedded()
    assert list(Retrieval()(given._replace(fit=torch.zeros(1, 16)))) == list(Retrieval()(given))


def test_an_image_alone_in_its_class_is_no_query_but_may_be_found(embedded):
    given = embedded(judged=40, classes=4)
    labels = np.arange(40) % 2
    labels[5], labels[6] = 2, 3
    scores = by_metric(Retrieval()(labelled(given, labels)))
    protocol = scores["map"].protocol
    assert (protocol["queries"], protocol["found"]["alone_in_their_class"]) == (38, 2)
    alone = given._replace(judge=torch.ones(40, 16))
    alone.judge[5] += 0.01  # all others are at one place
    assert by_metric(Retrieval()(labelled(alone, labels)))["recall@1"].value < 1


def test_where_no_class_has_two_images_it_is_told(embedded):
    given = embedded(judged=4, classes=4)
    with pytest.raises(TwofoldError, match="no class has two judged images"):
        list(Retrieval()(given))


def test_a_collapsed_encoder_finds_what_chance_finds(embedded):
    """Images lie in the order of their classes, and all are equally similar."""
    given = labelled(embedded(judged=200), np.arange(200) // 50)
    scores = by_metric(Retrieval()(given._replace(judge=torch.ones(200, 16))))
    assert scores["recall@1"].value == pytest.approx(0.25, abs=0.1)
    assert scores["map"].value == pytest.approx(0.25, abs=0.05)


def test_fewer_queries_search_all_images(embedded):
    given = embedded(distance=3.0)
    some, every = (by_metric(Retrieval(queries=queries)(given)) for queries in (100, 1000))
    assert some["map"].protocol["queries"] == 100
    assert every["map"].protocol["queries"] == 200
    assert some["map"].value == pytest.approx(every["map"].value, abs=0.05)
    assert some["map"].high - some["map"].low > every["map"].high - every["map"].low


def test_what_each_image_found_is_told_in_the_order_of_the_judged_images(embedded):
    given = embedded(distance=2.0, judged=60)
    scores = by_metric(Retrieval()(given))
    for metric in ("recall@1", "map", "r_precision"):
        assert scores[metric].per_image.mean() == pytest.approx(scores[metric].value)
    cosines = torch.nn.functional.cosine_similarity(given.judge[:, None], given.judge[None], dim=2)
    nearest = cosines.fill_diagonal_(-2).argmax(1)
    right = given.judge_labels[nearest] == given.judge_labels
    assert (scores["recall@1"].per_image == right.numpy()).all()
    assert by_metric(Retrieval(queries=20)(given))["map"].per_image is None
