"""``twofold pretrain`` with a look at ``val`` after every epoch, the clock stopped meanwhile."""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from judge import Judge

from twofold.cli import parse
from twofold.cli._reading import as_typed
from twofold.cli._show import LiveShow
from twofold.cli.pretrain import parser, request_of
from twofold.core.batch import Progress
from twofold.data import open_source
from twofold.train.engine import Engine
from twofold.train.loop import fit
from twofold.train.prepare import build, images_for, prepare


class Enough(Exception):  # noqa: N818  (nothing went wrong)
    """The accuracy is reached, or the time is over."""


def main() -> None:
    own = ["--until", "--limit"]
    words = sys.argv[1:]
    until, limit = (float(words[words.index(name) + 1]) for name in own)
    rest = [word for at, word in enumerate(words) if word not in own and words[at - 1] not in own]
    args = parse(parser(rest), rest)
    request = request_of(args, args.method)
    opened: dict[str, Any] = {"data": args.data, "labels": "none", **as_typed(args, None, None)}
    source = open_source(**opened)
    engine = Engine.start(args.precision, compiled=args.compile)
    with LiveShow() as show:
        prepared = prepare(request, source, opened, engine=engine, show=show)
    training = build(prepared.run, images_for(request.method, source), prepared.engine)
    judge = Judge(Path(args.data), 32)
    looks: list[dict[str, float]] = []
    spent, began = 0.0, time.perf_counter()

    def watch(progress: Progress, *_: object) -> None:
        nonlocal spent, began
        if progress.step % training.stream.steps_per_epoch:
            return
        spent += time.perf_counter() - began
        looks.append({"epoch": progress.epoch, "minutes": spent / 60, "knn": judge(training.method.encoder)})
        print(looks[-1], file=sys.stderr, flush=True)
        if 100 * looks[-1]["knn"] >= until or spent / 60 > limit:
            raise Enough
        began = time.perf_counter()

    with suppress(Enough):
        fit(training, watch)
    print(json.dumps({"looks": looks}))


if __name__ == "__main__":
    main()
