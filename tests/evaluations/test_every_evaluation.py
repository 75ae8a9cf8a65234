"""Every evaluation judges every kind of subject."""

import warnings

import numpy as np
import pytest

from twofold.core import registry
from twofold.data import open_source
from twofold.evaluations._judge import judge
from twofold.evaluations._task import make_task
from twofold.train.engine import Engine
from twofold.train.prepare import prepare
from twofold.train.pretrain import start
from twofold.train.resolve import Request

QUICK = {
    "few_labels": {"per_class": (1,), "shares": (), "draws": 2},
    "finetune": {"rates": (1e-3,), "epochs": (1.0,)},
    "geometry": {"candidates": 8},
    "invariance": {"images": 6},
    "linear": {"strengths": (0.1, 0.01)},
    "local_features": {"clusters": (2,), "images": 8, "places": 4},
    "mlp": {"networks": 1, "images": 20},
    "probes": {"images": 12},
}
NOT_OF_PIXELS = {"finetune", "local_features", "mlp", "probes"}
"""A network and its maps are needed, or a hidden layer as wide as the image would take hours."""
NOT_OF_PARTS = {"finetune", "local_features"}
"""Vectors of a projector have no map, and what is trained on is the encoder."""


class Silent:
    def note(self, text):
        pass

    def step(self, progress, figures):
        pass


@pytest.fixture(scope="module")
def judged(photos, tmp_path_factory):
    """The data, an engine, and subjects of every kind by what they are."""
    engine = Engine.start("fp32", threads=1)
    source = open_source(str(photos), progress=False)
    request = Request(encoder="resnet18_w4", size=8, view_size=8, batch_size=8, epochs=0.5)
    prepared = prepare(request, source, {"data": str(photos)}, engine=engine, show=Silent())
    run = start(prepared, tmp_path_factory.mktemp("runs"), Silent()).path
    subjects = {
        "run": str(run),
        "weights": str(run / "encoder.safetensors"),
        "checkpoint": str(run / "last.ckpt"),
        "part": f"{run}@projector",
        "random": "random:resnet18_w4",
        "random of timm": "random:mobilenetv3_small_050",
        "random of torchvision": "random:torchvision/shufflenet_v2_x0_5",
        "pixels": "pixels",
    }
    return source, engine, subjects


@pytest.mark.parametrize("name", registry.names("evaluations"))
def test_it_has_a_figure_of_every_kind_of_subject(name, judged, tmp_path, monkeypatch):
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 2)
    source, engine, subjects = judged
    settings = QUICK.get(name, {})
    if name == "transfer":
        images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
        np.savez(tmp_path / "there.npz", images=images, labels=np.arange(24) % 2)
        settings = {"data": (str(tmp_path / "there.npz"),)}
    evaluation = registry.find("evaluations", name)(**settings)
    task = make_task(source, labelled=getattr(evaluation, "needs_labels", True))
    without = {"pixels"} if name in NOT_OF_PIXELS else set()
    without |= {"part"} if name in NOT_OF_PARTS else set()
    if name not in ("knn", "linear", "geometry"):  # networks of full width take long
        subjects = {kind: subject for kind, subject in subjects.items() if " of " not in kind}
    for kind, subject in subjects.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            found = judge([subject], source, task, [evaluation], engine=engine, beside_floors=False)
        assert bool(found.scores) == (kind not in without), kind
        assert all(np.isfinite(score.value) for score in found.scores), kind
