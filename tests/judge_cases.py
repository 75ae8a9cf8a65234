"""What each of several processes does in tests of judging."""

from pathlib import Path

from twofold.core import dist
from twofold.core.evaluation import Artefact, Score
from twofold.core.run import RunFolder
from twofold.data import open_source
from twofold.evaluations._judge import judge
from twofold.evaluations._scores import keep, record
from twofold.evaluations._task import make_task
from twofold.evaluations.knn import Knn
from twofold.evaluations.linear import Linear
from twofold.train.engine import Engine


def judged(data: Path, cache: Path) -> list[tuple[str, str, float]]:
    """Accuracies of pixels and random networks."""
    source = open_source(str(data), cache=cache, progress=False)
    protocols = [Knn(neighbours=(5,)), Linear(strengths=(0.1, 0.01))]
    engine = Engine.start("fp32", threads=1)
    found = judge(["random:resnet18_w4"], source, make_task(source), protocols, engine=engine)
    return [(s.subject, s.evaluation, s.value) for s in found.scores if s.metric == "accuracy"]


def kept(folder: Path, count: int) -> None:
    """Figures and pictures of this process's own, one after the other, into a folder that all share."""
    run, own = RunFolder(folder), dist.rank()
    dist.anyone(True)  # all begin at once
    for number in range(count):
        record(run, [Score("run", "knn", "accuracy", 0.5, 0.4, 0.6, {"k": number, "process": own})])
        keep(run, [Artefact("run", "knn", f"{own}-{number}.txt", b"", "")])
