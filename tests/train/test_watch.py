"""What is seen of a training, with steps that are made up or those of a tiny run."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from twofold.core.batch import Progress, Step
from twofold.core.run import RunFolder
from twofold.core.source import Source
from twofold.data import open_source
from twofold.report.html import write_report
from twofold.train.engine import Engine
from twofold.train.loop import Training
from twofold.train.prepare import build, prepare
from twofold.train.pretrain import start
from twofold.train.resolve import Request
from twofold.train.watch import Watcher

ENGINE = Engine(torch.device("cpu"), "fp32", 1)
IMAGES, BATCH = 150, 15


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and light squares in two class folders."""
    root = tmp_path_factory.mktemp("pile")
    draw = np.random.default_rng(0)
    for row in range(IMAGES):
        place = root / ("dark" if row % 2 else "light")
        place.mkdir(exist_ok=True)
        pixels = draw.integers(0, 120, (16, 16, 3)) + (0 if row % 2 else 120)
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{row:03}.png")
    return root


class Heard:
    """Hears what is shown."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, progress: Progress, figures: Callable[[], dict[str, float]]) -> None:
        self.steps.append(progress.step)


def prepared(pile: Path, labels: str = "auto", epochs: float = 1.0):
    opened = {"data": str(pile), "labels": labels}
    source = open_source(**opened, progress=False)
    request = Request(encoder="resnet18_w4", size=16, view_size=16, batch_size=BATCH, epochs=epochs)
    return prepare(request, source, opened, engine=ENGINE, show=Heard())


class Case:
    """A training that stands still, of which steps are made up."""

    def __init__(self, pile: Path, out: Path, labels: str = "none", total: int = 10) -> None:
        made = prepared(pile, labels)
        self.source: Source = made.source
        self.training: Training = build(made.run, made.source.splits["train"], ENGINE)
        self.training.total = total
        self.folder = RunFolder.create(out, made.run, {})
        self.heard = Heard()

    def watcher(self) -> Watcher:
        return Watcher(self.training, self.folder, self.source, self.heard)

    def progress(self, step: int) -> Progress:
        return Progress(step, self.training.total, step // 10, -(-self.training.total // 10))

    def log(self, key: str = "loss") -> list[int]:
        return [line["step"] for line in self.folder.log() if key in line]


HEALTHY = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
COLLAPSED = torch.ones(32, 16) + 0.01 * HEALTHY


def test_a_line_tells_all_that_is_watched(pile: Path, tmp_path: Path) -> None:
    run = start(prepared(pile, epochs=2.0), tmp_path, Heard())
    lines = list(run.log())
    assert [line["step"] for line in lines] == list(range(1, 21))
    watched = {"loss", "std", "rank", "uniformity", "alignment", "positive", "hardest_negative", "i_nce"}
    watched |= {"gradient_norm", "lr", "images_per_second", "data_wait", "seconds", "epoch"}
    assert all(watched <= line.keys() for line in lines)
    assert all(line["gradient_norm"] > 0 for line in lines)
    assert 0 < lines[-1]["data_wait"] < 1
    looked = [line["step"] for line in lines if "knn" in line]
    assert looked == [line["step"] for line in lines if "linear" in line] == [4, 8, 12, 16, 20]


def test_a_training_without_labels_is_watched_without_probes(pile: Path, tmp_path: Path) -> None:
    case = Case(pile, tmp_path)
    with case.watcher() as watch:
        for step in range(1, 11):
            watch(case.progress(step), Step(torch.tensor(1.0), {"embedding": HEALTHY}), 0.1)
    assert case.log() == list(range(1, 11)) and not case.log("knn")


class Counted(Tensor):
    """A loss that counts how often it is read, each of which would wait for a GPU."""

    reads = 0

    def item(self) -> float:
        Counted.reads += 1
        return float(super().item())


def test_between_logged_steps_nothing_is_read(pile: Path, tmp_path: Path, monkeypatch) -> None:
    case = Case(pile, tmp_path, total=1000)
    monkeypatch.setattr(type(case.training.stream), "steps_per_epoch", 80)
    monkeypatch.setattr(Counted, "reads", 0)
    loss = torch.tensor(1.0).as_subclass(Counted)
    with case.watcher() as watch:
        for step in range(1, 1001):
            watch(case.progress(step), Step(loss, {"embedding": HEALTHY}), 0.1)
    assert case.log() == [1, *range(5, 1001, 5)]
    assert Counted.reads == len(case.log())
    assert case.heard.steps == list(range(1, 1001))


def test_an_epoch_has_lines_enough_for_an_alarm(pile: Path, tmp_path: Path, monkeypatch) -> None:
    case = Case(pile, tmp_path, total=100_000)
    monkeypatch.setattr(type(case.training.stream), "steps_per_epoch", 80)
    with case.watcher() as watch:
        for step in range(1, 81):
            watch(case.progress(step), Step(torch.tensor(1.0), {"embedding": HEALTHY}), 0.1)
    assert case.log() == [1, *range(10, 81, 10)]


def test_a_tracker_is_told_of_alarms_and_of_what_ended_all(pile: Path, tmp_path: Path, monkeypatch) -> None:
    class Tracker:
        def __init__(self) -> None:
            self.ends: list[BaseException | None] = []
            self.alarms: list[tuple[int, str]] = []

        def log(self, step: int, figures: Mapping[str, float]) -> None:
            pass

        def alarm(self, step: int, name: str, text: str) -> None:
            self.alarms.append((step, name))

        def close(self, error: BaseException | None) -> None:
            self.ends.append(error)

    case, tracker, failure = Case(pile, tmp_path), Tracker(), ValueError("it diverged")
    monkeypatch.setattr("twofold.train.watch.open_tracker", lambda *_: tracker)

    def watcher() -> Watcher:
        return Watcher(case.training, case.folder, case.source, case.heard, "wandb")

    with watcher() as watch:
        for step in range(1, 6):
            seen = {"embedding": HEALTHY if step == 1 else COLLAPSED}
            watch(case.progress(step), Step(torch.tensor(1.0), seen), 0.1)
    with pytest.raises(ValueError, match="it diverged"), watcher():
        raise failure
    assert tracker.ends == [None, failure] and tracker.alarms == [(4, "collapse")]

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("twofold.train.pretrain.save_encoder", full)
    with pytest.raises(OSError, match="no space left") as told:
        start(prepared(pile, epochs=0.2), tmp_path / "full", case.heard, track="wandb")
    assert tracker.ends[2:] == [told.value]


def collapse(case: Case, first: int, last: int) -> None:
    with case.watcher() as watch:
        for step in range(first, last + 1):
            seen = {"embedding": HEALTHY if step == 1 else COLLAPSED}
            watch(case.progress(step), Step(torch.tensor(1.0), seen), 0.1)


def test_an_alarm_is_told_once_on_the_bar_and_in_the_log(pile: Path, tmp_path: Path) -> None:
    case = Case(pile, tmp_path, total=20)
    collapse(case, 1, 9)
    (told,) = case.heard.notes
    (line,) = [line for line in case.folder.log() if "alarm" in line]
    assert line == {"step": 4, "alarm": "collapse", "text": told.removeprefix("! ")}
    assert "every image gets nearly the same embedding (std 0." in told and "--lr" in told
    assert told.removeprefix("! ")[:30] in write_report(case.folder.path).read_text()


def test_a_resumed_run_still_knows_the_untrained_network_and_what_was_told(
    pile: Path, tmp_path: Path
) -> None:
    case = Case(pile, tmp_path, total=20)
    collapse(case, 1, 3)
    assert not case.heard.notes
    collapse(case, 4, 8)  # another process: it has not seen steps 1 to 3
    assert case.log("alarm") == [4] and len(case.heard.notes) == 1
    collapse(case, 9, 12)
    assert len(case.heard.notes) == 1
    case.folder.cut_log(3)  # before it was told
    collapse(case, 4, 9)
    assert len(case.heard.notes) == 2
