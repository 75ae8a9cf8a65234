"""The command line: ``twofold COMMAND``; one file a command, found by its name."""

import importlib
import inspect
import io
import os
import pkgutil
import re
import sys
from contextlib import suppress
from typing import Any

from twofold import __version__
from twofold.cli._failures import told
from twofold.core.errors import ToldElsewhere, TwofoldError, UsageError, nearest
from twofold.core.processes import is_first

USAGE_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0, 1 for a failure, 2 for a misuse."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names of files may be of any bytes
    status = _carried_out(arguments)
    if "twofold.core.dist" in sys.modules and sys.modules["twofold.core.dist"].is_torn():
        with suppress(OSError, ValueError):  # a reader that has gone
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # taking gloo apart when others have left ends in SIGABRT now and then
    return status


def _carried_out(arguments: list[str] | None) -> int:
    words = [*(sys.argv[1:] if arguments is None else arguments)]  # the command "list" hides the type here
    debug = "--debug" in words
    try:
        return _dispatch(words)
    except TwofoldError as error:
        return _fail(error, _status(error), debug)
    except ToldElsewhere as silent:
        return _status(silent.__cause__)
    except KeyboardInterrupt as stop:
        if is_first():
            print(f"\n{_with_notes('stopped', stop)}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILURE
    except Exception as error:
        return _fail(error, FAILURE, debug)


def commands() -> list[str]:
    """Names of all commands."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def _dispatch(typed: list[str]) -> int:
    words = [word for word in typed if word != "--debug"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"twofold {__version__}")
        return 0
    name = words[0]
    if name not in commands():
        raise UsageError(f"no command is called '{name}'{nearest(name, commands())} (see: twofold --help)")
    command = importlib.import_module(f"twofold.cli.{name}")
    wants_words = inspect.signature(command.parser).parameters
    parser = command.parser(words[1:]) if wants_words else command.parser()
    try:
        parsed = parse(parser, words[1:])
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    except UsageError as error:
        if is_first():
            raise
        raise ToldElsewhere from error
    parsed.typed, parsed.words = typed, words
    status: int = command.run(parsed)
    return status


def parse(parser: Any, words: list[str]) -> Any:
    """What the words mean to the parser; ``given`` holds what was said and not merely defaulted.

    Raises:
        UsageError: In one line, with the nearest flag where one is misspelt.
    """
    from jsonargparse import ArgumentError

    parser.exit_on_error = False
    _hyphens(parser)
    try:
        parsed = parser.parse_args(words)
        parsed.given = parser.parse_args(words, defaults=False)
        return parsed
    except ArgumentError as error:
        raise UsageError(_one_line(str(error), parser)) from error


def _hyphens(parser: Any) -> None:
    """Shows and takes ``--batch-size`` where a Python name has an underscore; that is taken too."""
    for action in parser._actions:
        aliases = [f.replace("_", "-") for f in action.option_strings if "_" in f]
        parser._option_string_actions.update(dict.fromkeys(aliases, action))
        action.option_strings = [f.replace("_", "-") for f in action.option_strings]


def _one_line(message: str, parser: Any) -> str:
    message = " ".join(message.split())
    inside = re.search(r"Group '([\w.]+)' does not accept option '([\w.-]+)'", message)
    if inside:
        return _no_such(f"{inside[1]}.{inside[2]}", parser)
    unknown = re.search(r"nrecognized.*?(--[\w.-]+)|Option '([\w.-]+)' is not accepted", message)
    if unknown:
        return _no_such(unknown[1] or unknown[2], parser)
    missing = re.search(r"arguments are required: (.+)", message)
    if missing:
        return f"{missing[1]} is missing (see: {parser.prog} --help)"
    wrong = re.match(r'Parser key "([\w.]+)": (.*)', message)
    if not wrong:
        return message
    name, reason = f"--{wrong[1].replace('_', '-')}", wrong[2]
    value = re.search(r"(?:Given|Got) value: (.*)$", reason)
    if value:
        return f"{name} {value[1]}: it has to be {_wanted(reason)}"
    return f"{name}: {reason[0].lower()}{reason[1:]}"


def _no_such(option: str, parser: Any) -> str:
    """What was meant, and what its group has: a flag as it was typed, or a key of a file with its group's."""
    known = [flag for action in parser._actions for flag in action.option_strings]
    if option.startswith("--"):
        option = option.replace("_", "-")
    else:
        known = [flag.lstrip("-").replace("-", "_") for flag in known]
    group, dot, name = option.partition(".")
    own = [each.removeprefix(group + dot) for each in known if dot and each.startswith(group + dot)]
    if own:
        return f"{group} has no option '{name}'{nearest(name, own)} (it has: {', '.join(own)})"
    return f"there is no option {option}{nearest(option, known)}"


def _wanted(reason: str) -> str:
    """What jsonargparse expected, in words."""
    literal = re.search(r"Literal\[([^]]*)\]", reason)
    if literal:
        return f"one of {literal[1].replace(chr(39), '')}"
    plain = re.search(r"value: ([\w.+-]+)$", reason)
    kinds = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "a text",
        "tuple": f'a list, as "[{plain[1] if plain else "1,2"}]"',
    }
    named = re.findall(r"<class '(\w+)'>", reason.partition("value")[0])
    known = [kinds[kind] for kind in named if kind in kinds]
    return known[0] if known else "of another kind"


def _overview() -> str:
    lines = [
        "usage: twofold COMMAND [options]",
        "",
        "Learns image encoders from unlabelled images, and proves what they are worth.",
        "",
    ]
    for name in commands():
        summary = importlib.import_module(f"twofold.cli.{name}").SUMMARY
        lines.append(f"  {name:<11} {summary}")
    return "\n".join([*lines, "", "Start with: twofold quickstart", "Help on one: twofold COMMAND --help"])


def _status(error: BaseException | None) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return USAGE_ERROR if isinstance(error, UsageError) else FAILURE


def _fail(error: BaseException, status: int, debug: bool) -> int:
    """Tells what went wrong in one line, what to do included."""
    if debug:
        raise error
    sentence = str(error) if isinstance(error, TwofoldError) else told(error) or _unforeseen(error)
    print(f"twofold: {_with_notes(sentence, error)}", file=sys.stderr)
    return status


def _with_notes(sentence: str, error: BaseException) -> str:
    """What others on the way knew about it, behind it."""
    return " ".join("; ".join([sentence, *getattr(error, "__notes__", ())]).splitlines())


def _unforeseen(error: BaseException) -> str:
    return f"{type(error).__name__}: {error} (run again with --debug for the whole story)"
