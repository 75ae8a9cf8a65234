"""YAML files of options, read with suspicion: they travel between people."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile  # type: ignore[attr-defined]

from twofold.core.errors import UsageError

_LARGEST = 1 << 20  # bytes
_DEEPEST = 20  # collections inside each other


class ConfigFile(ActionConfigFile):
    """``--config FILE``, which is looked at before the parser takes it apart."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Takes the options that stand in the file."""
        if Path(values).is_file():
            _refuse_bare_groups(Path(values), parser)
        super().__call__(parser, cfg, values, option_string)


def chosen(words: Sequence[str], option: str) -> str | None:
    """What ``--option`` is among the words, or in the YAML file that they name; None where it is in neither.

    Known before the words are parsed, because further options depend on it.
    """
    typed = _typed(words, f"--{option}")
    file = _typed(words, "--config")
    if typed is None and file is not None and Path(file).is_file():
        told = read_config(Path(file)).get(option)
        return None if told is None else str(told)
    return typed


def _typed(words: Sequence[str], flag: str) -> str | None:
    for word, following in pairwise([*words, ""]):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None


def read_config(path: Path) -> dict[str, Any]:
    """The options in a YAML file.

    Raises:
        UsageError: If they are not plain names and values, or more than anybody would write.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than any file of options")
        text = path.read_text(encoding="utf-8")
        _refuse_bomb(path, text)
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is no YAML file of options: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise UsageError(f"{path} is no YAML file of options: it needs lines of 'name: value'")
    return content


def _refuse_bare_groups(path: Path, parser: Any) -> None:
    """A protocol has options; what stands in their place would arrive as the whole protocol."""
    for name, told in read_config(path).items():
        own = [a.dest.partition(".")[2] for a in parser._actions if a.dest.startswith(f"{name}.")]
        if own and not isinstance(told, dict | None):
            raise UsageError(f"{path}: {name} takes options, as '{name}: {{{own[0]}: ...}}', not {told}")


def _refuse_bomb(path: Path, text: str) -> None:
    """A few lines of aliases of aliases stand for more values than memory holds."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UsageError(f"{path} is refused: aliases (*{event.anchor}) have no use among options")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise UsageError(f"{path} is refused: more than {_DEEPEST} collections inside each other")
