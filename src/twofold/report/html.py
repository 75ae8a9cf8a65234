"""A run's report: one page that needs nothing but itself.

The only user of jinja2.
"""

import base64
import dataclasses
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from twofold.core.evaluation import Score
from twofold.core.files import write_text
from twofold.report.artefacts import exhibits
from twofold.report.charts import training_charts
from twofold.report.facts import facts
from twofold.report.grid import FOUND, Grid, grid, role
from twofold.report.next_step import next_step
from twofold.report.record import Record, read_record
from twofold.report.shown import figure, is_recall, shown
from twofold.report.verdict import judge

_COLUMNS = 6
"""Of a table, so that it is not wider than the page."""

_LISTED = 10
"""Values of an option that are all told."""


def write_report(run_folder: Path) -> Path:
    """Writes ``report.html`` in a run folder and returns its path.

    Reads ``spec.json``, ``log.jsonl``, ``scores.json`` and ``views.png``; all but the
    first may be missing, and the page says so in words.

    Raises:
        TwofoldError: If the folder is not a run folder, or a file in it is damaged.
    """
    record = read_record(run_folder)
    page = run_folder / "report.html"
    write_text(page, _render(record))
    return page


def _render(record: Record) -> str:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # names of files and classes come from strangers
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    first = shown(record.scores)
    further = [score for score in record.scores if score not in first and not is_recall(score)]
    verdict = judge(first)
    charts = training_charts(record.log, _steps_per_epoch(record))
    return environment.get_template("report.html.j2").render(
        method=record.said("method", "name") or "a run",
        data=record.said("data", "name") or "unnamed images",
        run=record.folder.resolve().name,
        verdict=verdict,
        tables=(table := grid(first)).parts(_COLUMNS),
        marked=any(map(table.selected, range(len(table.columns)))),
        few_labels=any("labels" in score.evaluation for score in first),
        further=grid(further).parts(_COLUMNS),
        recalls=_recalls(record.scores),
        exhibits=exhibits(record.artefacts),
        protocols=_protocols(record.scores),
        charts=[(chart, Markup(chart.svg)) for chart in charts],
        alarms=[line["text"] for line in record.log if "alarm" in line],
        views=_data_uri(record.views),
        facts=facts(record),
        command=record.said("command"),
        next_step=next_step(record, verdict.answer),
        spec=json.dumps(record.spec, indent=2, ensure_ascii=False),
        version=version("twofold"),
    )


def _recalls(scores: Sequence[Score]) -> Grid:
    """Recall of the trained encoder, a row a class."""
    return grid(
        [
            dataclasses.replace(score, subject=score.metric.removeprefix("recall/"), metric="recall")
            for score in scores
            if is_recall(score) and role(score.subject) == "trained"
        ]
    )


def _protocols(scores: Sequence[Score]) -> list[tuple[str, str]]:
    """Columns, and everything that defines their figures."""
    table = grid([score for score in scores if role(score.subject) == "trained" and not is_recall(score)])
    titles: dict[str, list[str]] = {}
    for row in table.rows:
        for column, score in zip(table.columns, row.scores, strict=True):
            if score and score.protocol:
                titles.setdefault(_spelt_out(score), []).append(column.title)
    return [("; ".join(dict.fromkeys(same)), protocol) for protocol, same in titles.items()]


def _spelt_out(score: Score) -> str:
    entries = ((key, value) for key, value in score.protocol.items() if key != FOUND)
    return ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in entries)


def _value(value: object) -> object:
    """Of a long list how many there are, and its ends."""
    if isinstance(value, list | tuple) and len(value) > _LISTED:
        return f"{len(value)} from {value[0]} to {value[-1]}"
    return value


def _steps_per_epoch(record: Record) -> float | None:
    steps, epochs = record.said("steps"), record.said("epochs")
    return steps / epochs if steps and epochs else None


def _data_uri(png: bytes | None) -> str | None:
    return None if png is None else f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
