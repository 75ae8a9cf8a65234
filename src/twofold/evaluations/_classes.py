"""Whether the classes of what is fitted on and of what is judged go together."""

from collections.abc import Collection, Sequence

from twofold.core.source import Source

_NAMED = 5


def misfit(
    source: Source, learned: Collection[int], asked: Collection[int], places: tuple[str, str], grouped: bool
) -> str | None:
    """Why nothing can be judged, and what to do; None where it can.

    Args:
        source: The data.
        learned: Classes among the images to fit on.
        asked: Classes among the images to judge on.
        places: What both are called.
        grouped: Whether whole groups were held out.
    """
    if len({*learned, *asked}) < 2:
        only = source.classes[min(learned)]
        return f"all labelled images of {source.name} are of one class, '{only}': judging needs at least two"
    unknown = sorted({*asked} - {*learned})
    if not unknown:
        return None
    if places[1] in source.splits:
        known = {_plain(source.classes[number]): source.classes[number] for number in learned}
        alike = [
            (source.classes[n], known[plain])
            for n in unknown
            if (plain := _plain(source.classes[n])) in known
        ]
        told = ", ".join(f"'{name}' as '{other}'" for name, other in alike[:_NAMED])
        advice = (
            f"{places[0]} spells {told}: spell them alike"
            if told
            else "are the class names spelt alike in both?"
        )
    elif grouped:
        advice = "label images of each class in at least two groups"
    else:
        advice = "label at least two images of each class"
    return (
        f"{places[1]} has classes without an image in {places[0]}, so that nothing could get them right: "
        f"{_named(unknown, source.classes)}; {advice}"
    )


def notes(source: Source, learned: Collection[int], asked: Collection[int], place: str) -> tuple[str, ...]:
    """What a reader of the figures has to know about the classes.

    Args:
        source: The data.
        learned: Classes among the images to fit on.
        asked: Classes among the images to judge on.
        place: What the latter are called.
    """
    unjudged = sorted({*learned} - {*asked})
    missing = (f"{place} has no image of {_named(unjudged, source.classes)}",) if unjudged else ()
    spelt: dict[str, list[str]] = {}
    for number in sorted({*learned, *asked}):
        spelt.setdefault(_plain(source.classes[number]), []).append(f"'{source.classes[number]}'")
    alike = (
        f"{' and '.join(names)} count as different classes: are they one, spelt in two ways?"
        for names in spelt.values()
        if len(names) > 1
    )
    return (*missing, *alike)


def _plain(name: str) -> str:
    """What two spellings of one name have in common: letters of either size, 01 and 1.0 for 1, separators."""
    try:
        return f"{float(name):g}"
    except ValueError:
        return "".join(letter for letter in name.casefold() if letter.isalnum()) or name


def _named(classes: Sequence[int], names: tuple[str, ...]) -> str:
    """The classes, the first few by name."""
    shown = [f"'{names[number]}'" for number in classes[:_NAMED]]
    rest = len(classes) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
