"""What a judgement is: a frozen protocol that yields scores."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """One figure.

    Args:
        subject: What was judged: a run, ``pixels``, ``random:resnet18`` ...
        evaluation: File name of the protocol: ``knn``, ``linear`` ...
        metric: ``accuracy``, ``macro_f1``, ``recall/<class>`` ...
        value: The figure, in [0, 1] for shares.
        low: Lower end of its 95% interval.
        high: Upper end.
        protocol: Everything that defines the figure: hyper-parameters, splits, seed, draws.
    """

    subject: str
    evaluation: str
    metric: str
    value: float
    low: float
    high: float
    protocol: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the fields above."""
        return asdict(self)
