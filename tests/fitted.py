"""Classifiers that tests fit, and what these say of images."""

from pathlib import Path

import torch

from twofold.apply.classifier import Classifier, load_classifier
from twofold.apply.fit import Wish, fit_classifier
from twofold.apply.predict import Prediction, predict
from twofold.data.opening import open_with_store, settings_from
from twofold.data.screen import Screen
from twofold.evaluations._subjects import resolve
from twofold.evaluations._task import make_task
from twofold.train.engine import Engine

ENGINE = Engine(torch.device("cpu"), "fp32", 1)
QUIET = Screen(speaks=False)
EACH = 15


def fitted(
    place: Path, wish: Wish, data: str = "images", labels: str = "auto", subject: str | None = None
) -> Classifier:
    settings = settings_from(None, None, None)
    source = open_with_store(str(place / data), labels, settings, None, QUIET).source
    return fit_classifier(
        resolve(subject or str(place / "run"), source),
        source,
        make_task(source),
        wish,
        decode={"short_side": settings.short_side, "value_range": None},
        record={"command": "twofold fit"},
        engine=ENGINE,
        screen=QUIET,
    )


def said(classifier: Path, data: Path) -> list[Prediction]:
    return list(predict(load_classifier(classifier), str(data), engine=ENGINE, screen=QUIET))
