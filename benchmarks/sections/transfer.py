"""What a run is worth on other data."""

from collections.abc import Iterable
from typing import Any

from sections.tables import share, table


def section(record: dict[str, Any]) -> str:
    """A column a data set, a row a subject and arm."""
    run = record["run"]
    lines = [
        "## On other data",
        "",
        f"`{record['command']}`; {record['machine']}; commit {record['commit']}.",
    ]
    lines += [f"The run is {run['epochs']:g} epochs of {run['method']} on {run['data']}, `{run['encoder']}`."]
    lines += [
        "A penalty for each is selected from 45 on images to fit on; the judged ones are used once.",
        "",
    ]
    data = list(dict.fromkeys(score["protocol"]["to"] for score in record["scores"]))
    lines += table(["subject", "arm", *data], _rows(record["scores"], data))
    splits = {score["protocol"]["to"]: score["protocol"] for score in record["scores"]}
    lines += [""]
    lines += [
        f"- {name}: {how['measure']}; {how['split']}; {how['fit_images']:,} images to fit on, "
        f"{how['judge_images']:,} judged"
        for name, how in splits.items()
    ]
    tuned = [score["protocol"] for score in record["scores"] if score["protocol"]["arm"] == "finetune"]
    if tuned:
        most = max(how["images"] for how in tuned)
        lines += [
            f"- `finetune` trains on at most {most:,} of the images to fit on; `linear` has all of them"
        ]
    return "\n".join([*lines, ""])


def _rows(scores: list[dict[str, Any]], data: list[str]) -> Iterable[list[str]]:
    found = {(s["subject"], s["protocol"]["arm"], s["protocol"]["to"]): s for s in scores}
    for subject, arm in dict.fromkeys((subject, arm) for subject, arm, _ in found):
        cells = [found.get((subject, arm, name)) for name in data]
        yield [subject, arm, *(share(score) if score else "-" for score in cells)]
