"""Did pre-training help? The answer, in one sentence, from the scores alone."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from twofold.core.evaluation import Score
from twofold.report.grid import Grid, Role, grid, role

Answer = Literal["yes", "no", "undecided", "untested"]

_MEANS = {"knn": "by k-NN", "linear": "by linear probe"}
"""The evaluations that decide."""

_TASK = ("data", "fingerprint", "split", "fit_images", "judge_images")
"""Entries of a protocol that tell on which images it was."""

_FLOORS: dict[Role, str] = {"pixels": "raw pixels reach", "random": "a random encoder reaches"}

_UNTESTED = (
    "Neither k-NN nor a linear probe has judged the encoder yet. The answer needs labels, which pre-training "
    "does not: already a few labelled images give a first verdict."
)
_ONLY_PARTS = (
    "Only the run up to a part was judged (RUN@PART), not the encoder: judge the run itself for an answer."
)
_NO_FLOOR = (
    "It is undecided whether pre-training helped: "
    "raw pixels and a random encoder were not judged by k-NN or a linear probe beside it."
)
_OPENINGS = {
    "yes": "Pre-training helped: ",
    "no": "Pre-training did not help: ",
    "undecided": "It is undecided whether pre-training helped: ",
}


class Verdict(NamedTuple):
    """The answer, and the sentence that gives its reasons."""

    answer: Answer
    sentence: str


class _Trial(NamedTuple):
    evaluation: str
    trained: Score
    floors: dict[Role, Score]

    @property
    def answer(self) -> Answer:
        """Yes where the trained encoder is clear of both floors, no where it is clear below one."""
        if all(self.trained.low > floor.high for floor in self.floors.values()):
            return "yes"
        if any(self.trained.high < floor.low for floor in self.floors.values()):
            return "no"
        return "undecided"

    @property
    def clause(self) -> str:
        """The figures in words."""
        floors = " and ".join(f"{_FLOORS[role]} {_percent(floor)}" for role, floor in self.floors.items())
        return f"{_MEANS[self.evaluation]} it reaches {_percent(self.trained)}, where {floors}"


def judge(scores: Sequence[Score]) -> Verdict:
    """Compares the pre-trained encoder with raw pixels and with a random encoder.

    k-NN and the linear probe decide. Each says yes where the 95% interval of the pre-trained encoder
    lies above both floors', no where it lies below one of them, else undecided; where the two
    disagree the verdict is undecided. What was judged last counts, and what else was judged on the same
    images.

    Args:
        scores: Figures of one pre-trained encoder and of the floors, in the order in which they were made.
    """
    judged = {role(score.subject) for score in scores if score.evaluation in _MEANS}
    if "trained" not in judged:
        return Verdict("untested", _ONLY_PARTS if "part" in judged else _UNTESTED)
    trials = _trials(latest(scores))
    if not trials:
        return Verdict("undecided", _NO_FLOOR)
    clauses = "; ".join(trial.clause for trial in trials)
    answer, ending = _agreed([trial.answer for trial in trials])
    return Verdict(answer, f"{_OPENINGS[answer]}{clauses}{ending}")


def latest(scores: Sequence[Score]) -> Grid:
    """Accuracies on the images on which a pre-trained encoder was judged last in a way that decides."""
    right = [score for score in scores if score.metric == "accuracy"]
    deciding = [score for score in right if role(score.subject) == "trained" and score.evaluation in _MEANS]
    return grid([score for score in right if deciding and _task(score) == _task(deciding[-1])])


def _task(score: Score) -> tuple[object, ...]:
    return tuple(score.protocol.get(entry) for entry in _TASK)


def _agreed(answers: Sequence[Answer]) -> tuple[Answer, str]:
    if len(set(answers)) > 1:
        return "undecided", ". The ways of judging disagree."
    ending = ", and the 95% intervals overlap." if answers[0] == "undecided" else "."
    return answers[0], ending


def _trials(table: Grid) -> list[_Trial]:
    """One trial an evaluation that decides; of several columns (k = 200, k = 1) the first counts."""
    trials: dict[str, _Trial] = {}
    for position, column in enumerate(table.columns):
        trained = _of_role(table, position, "trained")
        floors = {role: floor for role in _FLOORS if (floor := _of_role(table, position, role))}
        if column.evaluation in _MEANS and trained and floors:
            trials.setdefault(column.evaluation, _Trial(column.evaluation, trained, floors))
    return list(trials.values())


def _of_role(table: Grid, position: int, role: Role) -> Score | None:
    """The best score of a role: of two random encoders the better one is the floor."""
    scores = (row.scores[position] for row in table.rows if row.role == role)
    return max((score for score in scores if score), key=lambda score: score.value, default=None)


def _percent(score: Score) -> str:
    return f"{score.value:.1%}"
