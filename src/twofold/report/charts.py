"""Charts as inline SVG: drawn once, coloured by the page, so that light, dark and print all work.

The only user of altair and vl-convert.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twofold.report.shown import figure

INK = "#5b6470"
LINE = "#2f5fb3"
FAINT = "#d9dde2"
"""Colours that the page's style sheet replaces by its own (``[stroke="#2f5fb3"]``)."""

_POINTS = 400
_WIDTH, _HEIGHT = 440, 240


@dataclass(frozen=True)
class Chart:
    """A chart for the page.

    Args:
        title: Heading.
        words: What it shows, for those who do not see it and for those who do.
        svg: The drawing.
    """

    title: str
    words: str
    svg: str


def training_charts(log: Sequence[Mapping[str, Any]], steps_per_epoch: float | None) -> list[Chart]:
    """Loss, collapse gauge and k-NN over the training; only those that were logged.

    Args:
        log: Lines of ``log.jsonl``.
        steps_per_epoch: Turns steps into epochs; None leaves steps.
    """
    charts = []
    if loss := _series(log, "loss", steps_per_epoch):
        charts.append(Chart("Loss", _went("The loss", loss), _line(loss, steps_per_epoch)))
    if gauge := _series(log, "std", steps_per_epoch):
        words = _went("The spread of the embeddings", gauge) + " At 0 they are all the same."
        charts.append(Chart("Collapse gauge", words, _line(gauge, steps_per_epoch, floor=0.0, top=1.0)))
    if knn := _series(log, "knn", steps_per_epoch):
        words = _went("k-NN accuracy inside the training images", knn, share=True)
        charts.append(Chart("k-NN while training", words, _line(knn, steps_per_epoch, share=True)))
    return charts


Point = tuple[float, float]


def _series(log: Sequence[Mapping[str, Any]], key: str, steps_per_epoch: float | None) -> list[Point]:
    """Finite values of a key over time, averaged in equal bins where there are very many."""
    unit = steps_per_epoch or 1.0
    points = [
        (line["step"] / unit, float(line[key]))
        for line in log
        if isinstance(line.get(key), int | float) and math.isfinite(line[key])
    ]
    stride = math.ceil(len(points) / _POINTS) or 1
    bins = [points[start : start + stride] for start in range(0, len(points), stride)]
    return [(bin_[-1][0], sum(value for _, value in bin_) / len(bin_)) for bin_ in bins]


def _went(what: str, points: Sequence[Point], *, share: bool = False) -> str:
    first, last = (figure(value, share) + "%" * share for value in (points[0][1], points[-1][1]))
    return f"{what} went from {first} to {last}."


def _line(
    points: Sequence[Point],
    steps_per_epoch: float | None,
    *,
    floor: float | None = None,
    top: float | None = None,
    share: bool = False,
) -> str:
    """A line chart; ``floor`` and ``top`` widen the vertical axis to at least that."""
    import altair as alt

    values = [value for _, value in points]
    low = min(values) if floor is None else min(floor, *values)
    high = max(values) if top is None else max(top, *values)
    base = alt.Chart(alt.Data(values=[{"x": x, "y": y} for x, y in points])).encode(
        x=alt.X(
            "x:Q",
            title="epoch" if steps_per_epoch else "step",
            axis=alt.Axis(grid=False, tickCount=6, labelFlush=False),
        ),
        y=alt.Y(
            "y:Q",
            title=None,
            axis=alt.Axis(tickCount=5, format="%" if share else "~g"),
            scale=alt.Scale(domain=[low, high], nice=True, zero=False),
        ),
    )
    mark = base.mark_line(color=LINE) if len(points) > 1 else base.mark_point(color=LINE, filled=True)
    return _svg(mark.properties(width=_WIDTH, height=_HEIGHT))


def _svg(chart: Any) -> str:
    import altair as alt

    fit = alt.AutoSizeParams(type="fit", contains="padding")
    styled = chart.configure(background="transparent", padding=2, autosize=fit).configure_view(stroke=None)
    styled = styled.configure_axis(
        domain=False,
        ticks=False,
        gridColor=FAINT,
        labelColor=INK,
        titleColor=INK,
        labelFontSize=13,
        titleFontSize=13,
        titleFontWeight="normal",
        labelPadding=6,
    )
    text = io.StringIO()
    styled.save(text, format="svg")
    return text.getvalue()
