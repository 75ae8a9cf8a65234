"""``twofold pretrain``: from a pile of images to an encoder."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._devices import add_devices, on_devices
from twofold.cli._reading import add_reading, as_typed
from twofold.cli._show import LiveShow
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.processes import is_first, seat, usable_cores

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.method import Method
    from twofold.core.run import RunFolder
    from twofold.core.source import Source
    from twofold.train.prepare import Prepared
    from twofold.train.resolve import Request

SUMMARY = "learn an encoder from images, without labels"

_WITH_RESUME = {"resume", "devices", "threads", "checkpoint_minutes", "track"}
"""What may be said of a run that goes on."""


def parser(words: list[str]) -> "ArgumentParser":
    """Flags of the training and of the method that the words name."""
    from jsonargparse import ArgumentParser

    from twofold.cli._config import chosen
    from twofold.core import registry
    from twofold.train.resolve import Request

    method = registry.find("methods", chosen(words, "method") or Request.method)
    parser = ArgumentParser(prog="twofold pretrain", description=SUMMARY)
    add_training(parser)
    parser.add_class_arguments(Request, skip={"arguments"}, as_positional=False)
    add_method(parser, method)
    return parser


def add_training(parser: "ArgumentParser") -> None:
    """Data, and flags of every training that are part of neither the request nor the method."""
    from twofold.cli._config import ConfigFile
    from twofold.train.engine import Precision
    from twofold.train.trackers import Name

    parser.add_argument(
        "data", nargs="?", type=str, help="folder, zip, tar, npy, npz or name (twofold list data)"
    )
    parser.add_argument("--config", action=ConfigFile, help="YAML file with any of these options")
    parser.add_argument("--resume", type=str, metavar="RUN", help="go on with a stopped run")
    parser.add_argument(
        "--init", type=str, metavar="timm:NAME|RUN|CHECKPOINT", help="start from these weights"
    )
    parser.add_argument("--out", type=str, default="runs", help="folder of all runs")
    parser.add_argument(
        "--labels", type=str, default="auto", help="auto, folders, none or FILE.csv: only for judging"
    )
    add_reading(parser)
    parser.add_argument("--precision", type=Precision, default="auto", help="of the networks")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the encoder: a minute at the start, faster steps after it",
    )
    add_devices(parser)
    parser.add_argument(
        "--threads", type=int, help="threads of each process inside one operation; by default all cores"
    )
    parser.add_argument(
        "--checkpoint-minutes", type=float, default=5.0, help="between two checkpoints: what a kill may cost"
    )
    parser.add_argument("--track", type=Name | None, help="where figures go beside log.jsonl")
    parser.add_argument("--dry-run", action="store_true", help="print the resolved spec and stop")


def add_method(parser: Any, method: type["Method"]) -> None:
    """Flags of its hyper-parameters."""
    parser.add_class_arguments(method, skip={"make_encoder"}, as_positional=False)
    group = parser._action_groups[-1]
    group.title += (
        "; the defaults are the paper's, a run without --preset paper may have others (see --dry-run)"
    )


@on_devices
def run(args: "Namespace") -> int:
    """Trains or resumes, writes the report, and names the command that judges: judging is asked for apart."""
    if args.resume:
        return go_on(args)
    if not args.data:
        raise UsageError("say which images: twofold pretrain DATA (or --resume RUN)")
    return begin(args, request_of(args, args.method))


def begin(args: "Namespace", request: "Request", teacher: str | None = None) -> int:
    """Starts what is requested.

    Args:
        args: With what ``add_training`` added.
        request: What is trained.
        teacher: Folder of a classifier that the method learns from.
    """
    from twofold.train.engine import Engine
    from twofold.train.interrupts import Stopped
    from twofold.train.prepare import build, images_for, prepare
    from twofold.train.pretrain import start
    from twofold.train.trackers import require

    minutes = _checkpoint_minutes(args)
    if args.track:
        require(args.track)
    engine = Engine.start(args.precision, threads=args.threads, compiled=args.compile)
    opened = how_to_open(args, request)
    source = _opened(opened)
    with LiveShow() as show:
        prepared = prepare(
            request,
            source,
            opened,
            engine=engine,
            init=args.init,
            teacher=teacher,
            command=shlex.join(["twofold", *args.words]),
            show=show,
        )
        if args.dry_run:
            images = images_for(request.method, source, request.arguments)
            build(prepared.run, images, engine)  # refuses what a run would
            if is_first():
                _tell_dry(prepared, Path(args.out))
            return 0
        try:
            folder = start(prepared, Path(args.out), show, checkpoint_minutes=minutes, track=args.track)
        except Stopped as stopped:
            return _stopped(stopped.args[0])
    return _finish(folder, source)


def _tell_dry(prepared: "Prepared", out: Path) -> None:
    from twofold.core.run import same_run

    spec = {**asdict(prepared.run), "key": prepared.run.key, **prepared.about}
    print(json.dumps(spec, indent=2))
    if there_is := same_run(out, prepared.run):
        print(there_is, file=sys.stderr)


def go_on(args: "Namespace") -> int:
    """Goes on with the run that ``--resume`` names, at the precision that it was resolved to."""
    from twofold.core.run import RunFolder
    from twofold.train.engine import Engine
    from twofold.train.interrupts import Stopped
    from twofold.train.pretrain import resume

    given = {name for name, value in vars(args.given).items() if value is not None}
    decided = sorted(given - _WITH_RESUME)
    if decided:
        flag = "DATA" if decided[0] == "data" else f"--{decided[0].replace('_', '-')}"
        raise UsageError(f"{flag} and --resume do not go together: a run goes on as it began")
    folder, minutes = RunFolder.open(Path(args.resume)), _checkpoint_minutes(args)
    compiled = folder.spec.get("compiled", False)
    threads = args.threads or _as_it_began(folder)
    engine = Engine.start(folder.run.precision, threads=threads, compiled=compiled)  # type: ignore[arg-type]
    source = _opened_again(folder)
    with LiveShow() as show:
        try:
            resume(folder, source, engine, show, checkpoint_minutes=minutes, track=args.track)
        except Stopped:
            return _stopped(folder)
    return _finish(folder, source)


def _as_it_began(folder: "RunFolder") -> int | None:
    """As many threads as the run had, where each process may have them: another number is another sum."""
    own, began = seat(), folder.spec.get("threads")
    cores = usable_cores() // (own.local_size if own else 1)
    if not isinstance(began, int) or not 0 < began <= cores:
        return None
    if began < cores and is_first():
        print(f"{began} threads, as it began; --threads {cores} takes all cores", file=sys.stderr)
    return began


def _opened_again(folder: "RunFolder") -> "Source":
    """The run's data; without labels where these cannot be had any more, unless the run learns from them."""
    from twofold.core import registry

    try:
        run = folder.run
        told = registry.find("methods", run.method["name"]).told_labels(run.method["arguments"])
        return _opened(run.data["open"], needs_labels=told)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TwofoldError(
            f"{folder.path / 'spec.json'} is damaged: it does not tell how the data is opened ({error})"
        ) from error


def _checkpoint_minutes(args: "Namespace") -> float:
    minutes: float = args.checkpoint_minutes
    if not minutes >= 0:
        raise UsageError(f"--checkpoint-minutes must be 0 or more, not {minutes}")
    return minutes


def _finish(folder: "RunFolder", source: "Source") -> int:
    """Writes the report and says what to do next; one process does it for all."""
    if not is_first():
        return 0
    from twofold.report.html import write_report

    page = write_report(folder.path)
    print(f"run     {folder.path}\nreport  {page}")
    judge = f"twofold evaluate {shlex.quote(str(folder.path))}"
    if not source.classes:
        judge += " --labels labels.csv   (lines of path,label; or --data with other, labelled images)"
    print(f"next    {judge}")
    return 0


def _stopped(folder: "RunFolder") -> int:
    if is_first():
        where = shlex.quote(str(folder.path))
        print(f"stopped; go on with: twofold pretrain --resume {where}", file=sys.stderr)
    return 130


def _opened(how: dict[str, Any], *, needs_labels: bool | None = None) -> "Source":
    """The data, decoded by one process of each machine where that has not been done yet.

    Args:
        how: Keywords that open it.
        needs_labels: Whether a run that goes on learns from labels; None for a run that begins.
    """
    from twofold.core import dist
    from twofold.data import open_source

    with dist.one_before_the_others():
        try:
            return open_source(**how, progress=is_first())
        except TwofoldError as error:
            if needs_labels is None or how.get("labels", "auto") in ("auto", "none"):
                raise
            if needs_labels:
                error.add_note("the run learns from labels: it goes on only with those that it began with")
                raise
            source = open_source(**{**how, "labels": "none"}, progress=is_first())
            if is_first():
                print(f"{error}; going on without labels, which only probes would read", file=sys.stderr)
            return source


def request_of(args: "Namespace", method: str | None) -> "Request":
    """What was typed or stands in the YAML file; what was not stays None and is chosen."""
    from twofold.core import registry
    from twofold.train.resolve import Request, hyper_parameters

    given = vars(args.given)
    method = method or Request.method  # null in YAML
    known = hyper_parameters(registry.find("methods", method))
    fields = {name: given[name] for name in Request.__dataclass_fields__ if name in given}
    arguments = {name: given[name] for name in known if name in given}
    return Request(**{**fields, "method": method, "arguments": arguments})


def how_to_open(args: "Namespace", request: "Request") -> dict[str, Any]:
    """Keywords that open the data, now and again."""
    return {
        "data": _absolute(args.data),
        "labels": _absolute(args.labels),
        **as_typed(args, request.size, request.view_size),
    }


def _absolute(data: str) -> str:
    """A path that still holds from another folder; names stay names."""
    return str(Path(data).resolve()) if Path(data).exists() else data
