"""Which protocols a command judges by: ``--evaluations``, and the options of each."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twofold.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Evaluation

USUAL = "knn,linear"


def add_protocols(parser: "ArgumentParser", words: Sequence[str]) -> None:
    """``--evaluations``, and ``--NAME.OPTION`` for every option of every protocol that the words ask for."""
    from twofold.cli._config import ConfigFile, chosen
    from twofold.core import registry

    parser.add_argument("--config", action=ConfigFile, help="YAML file with any of these options")
    parser.add_argument(
        "--evaluations",
        type=str,
        default=USUAL,
        help="protocols, comma-separated (twofold list evaluations); "
        "what each can be told is shown by --evaluations NAME,NAME --help",
    )
    asked = chosen(words, "evaluations")
    if asked is None and {"-h", "--help"} & {*words}:
        return  # the protocols' files take seconds to read
    names = _names(asked or USUAL)
    for name in names:
        kind = registry.find("evaluations", name)
        parser.add_class_arguments(kind, nested_key=name, as_positional=False)
        _hide_whole(parser, name)
    _refuse_others(words, names)


def protocols(args: "Namespace") -> list["Evaluation"]:
    """The protocols as they were asked for."""
    from twofold.core import registry

    made = []
    for name in _names(args.evaluations):
        told = args.get(name)
        made.append(registry.find("evaluations", name)(**(vars(told) if told else {})))
    return made


def _names(text: str) -> list[str]:
    """Each once, in their order."""
    names = [name.strip().replace("-", "_") for name in text.split(",")]
    return list(dict.fromkeys(filter(None, names))) or _names(USUAL)


def _hide_whole(parser: Any, name: str) -> None:
    """``--NAME FILE`` is there, too, and would only confuse."""
    from argparse import SUPPRESS

    for action in parser._actions:
        if action.dest == name:
            action.help = SUPPRESS


def _refuse_others(words: Sequence[str], names: Sequence[str]) -> None:
    """Options of a protocol that is not asked for."""
    from twofold.core import registry

    for word in words:
        of = re.match(r"--([\w-]+)\.", word)
        name = of[1].replace("-", "_") if of else ""
        if name not in names and name in registry.names("evaluations"):
            raise UsageError(f"{word}: {name} is not asked for; say --evaluations {','.join([*names, name])}")


def check_metric(metric: str | None, evaluations: Sequence["Evaluation"]) -> None:
    """Whether any of the protocols measures it, before hours are spent.

    Raises:
        UsageError: If none does.
    """
    from twofold.core.evaluation import measured_metrics

    known = dict.fromkeys(metric for each in evaluations for metric in measured_metrics(each))
    if metric is not None and metric not in known:
        raise UsageError(f"--metric {metric}: it is {' or '.join(known)}{nearest(metric, known)}")
