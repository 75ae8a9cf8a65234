"""``twofold check``: what a data set is, before an hour is spent on it."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from twofold.cli._reading import add_reading, as_typed
from twofold.cli._table import plain_console
from twofold.core.errors import TwofoldError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from jsonargparse import ArgumentParser, Namespace
    from rich.console import Console

    from twofold.core.source import Source
    from twofold.data.assemble import Opened
    from twofold.data.screen import Screen

SUMMARY = "look at a data set: counts, sizes, broken files, duplicates, and what would be chosen for it"

_CLASSES_SHOWN = 20
_FILES_SHOWN = 5


def parser() -> "ArgumentParser":
    """Data, and how it is read."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold check", description=SUMMARY)
    parser.add_argument("data", type=str, help="folder, zip, tar, npy, npz or name (twofold list data)")
    parser.add_argument("--labels", type=str, default="auto", help="auto, folders, none or FILE.csv")
    parser.add_argument("--size", type=int, help="side of the views in pixels")
    add_reading(parser)
    return parser


def run(args: "Namespace") -> int:
    """Opens the data, decoding it if need be, and prints one table a topic."""
    from twofold.data.opening import open_with_store, settings_from
    from twofold.data.screen import Screen

    if args.size is not None and args.size < 1:
        raise UsageError(f"--size {args.size}: a size is at least 1 pixel")
    screen = Screen()
    settings = settings_from(**as_typed(args, args.size))
    opened = open_with_store(args.data, args.labels, settings, None, screen)
    console = plain_console()
    source = opened.source
    console.print(
        f"[bold]{source.name}[/bold]  {len(opened.store):,} images, fingerprint {source.fingerprint}"
    )
    _print_splits(source, console)
    _print_classes(source, console)
    _print_files(opened, console)
    _print_channels(source, console)
    _print_skipped(source, console)
    _print_duplicates(opened, console, screen)
    _topic(console, "What would be chosen")
    for line in _recommendation(source, args.size):
        console.print(line, markup=False, soft_wrap=True)
    return 0


def _recommendation(source: "Source", size: int | None) -> list[str]:
    """What a training would use by default, and how long it would take; or why there can be none."""
    import torch

    from twofold.data.splits import pretraining_images
    from twofold.train.resolve import Request, resolve

    accelerator, asked = torch.cuda.is_available(), Request(size=size)
    try:
        chosen = resolve(asked, source, len(pretraining_images(source)), accelerator=accelerator)
    except TwofoldError as error:
        return [f"nothing can be learned: {error}"]
    length = (
        f"{chosen.minutes:g} minutes, the number of epochs follows from a short measurement"
        if chosen.minutes
        else f"{chosen.epochs:g} epochs"
    )
    return [
        f"encoder {chosen.encoder} at {chosen.size}x{chosen.size} pixels "
        f"(views of {chosen.view_size}x{chosen.view_size}), batch {chosen.batch_size}",
        f"length {length} (change it with --minutes or --epochs)",
        f"on {'the GPU' if accelerator else 'this processor'}, {asked.method} with preset '{chosen.preset}'",
    ]


def _print_splits(source: "Source", console: "Console") -> None:
    _topic(console, "Splits")
    rows = []
    for name, images in source.splits.items():
        labels = images.labels
        labelled = 0 if labels is None else int((labels >= 0).sum())
        classes = 0 if labels is None else len(set(labels[labels >= 0].tolist()))
        rows.append((name, f"{len(images):,}", f"{labelled:,}", str(classes)))
    _table(console, ("split", "images", "labelled", "classes"), rows)


def _print_classes(source: "Source", console: "Console") -> None:
    """Counts of each class in each split; of many classes the largest and the smallest."""
    if not source.classes:
        return
    _topic(console, "Classes")
    counts = {name: _class_counts(images.labels) for name, images in source.splits.items()}
    total = sum(counts.values(), Counter())
    order = sorted(range(len(source.classes)), key=lambda label: -total[label])
    shown = order
    if len(order) > _CLASSES_SHOWN:
        half = _CLASSES_SHOWN // 2
        shown = [*order[:half], *order[-half:]]
        console.print(f"{len(order)} classes, of which the {half} largest and the {half} smallest:")
    splits = [name for name, split in counts.items() if split]
    rows = [(source.classes[label], *(f"{counts[name][label]:,}" for name in splits)) for label in shown]
    _table(console, ("class", *splits), rows)


def _class_counts(labels: "np.ndarray | None") -> Counter[int]:
    return Counter() if labels is None else Counter(labels[labels >= 0].tolist())


def _print_files(opened: "Opened", console: "Console") -> None:
    """Formats, pixel types, bit depths and sizes of the files, and the size they are stored with."""
    _topic(console, "Files")
    rows = opened.store.index.rows
    kinds = Counter(
        (kind.decode(), mode.decode(), bits)
        for kind, mode, bits in zip(
            rows["format"].tolist(), rows["mode"].tolist(), rows["bits"].tolist(), strict=True
        )
    )
    table = [(kind, mode, str(bits), f"{count:,}") for (kind, mode, bits), count in kinds.most_common()]
    _table(console, ("format", "pixels", "bits", "images"), table)
    columns = {"in the files": ("file_height", "file_width"), "as stored": ("height", "width")}
    sizes = [(what, *_sizes(rows[height], rows[width])) for what, (height, width) in columns.items()]
    _table(console, ("short side", "least", "median", "most", "sizes", "most often"), sizes)
    if opened.store.index.value_range:
        low, high = opened.store.index.value_range
        console.print(f"in images of more than 8 bits {low:g} is black and {high:g} white (--range)")


def _sizes(height: "np.ndarray", width: "np.ndarray") -> tuple[str, ...]:
    """Least, median and greatest short side, how many sizes there are, and the most frequent one."""
    import numpy as np

    sides = np.percentile(np.minimum(height, width), (0, 50, 100)).astype(int)
    sizes = Counter(zip(width.tolist(), height.tolist(), strict=True))
    (wide, high), count = sizes.most_common(1)[0]
    return (*map(str, sides), f"{len(sizes):,}", f"{wide} x {high} ({count:,})")


def _print_channels(source: "Source", console: "Console") -> None:
    _topic(console, "Channels (of 1)")
    names = ("gray",) if source.channels == 1 else ("red", "green", "blue")
    rows = [(n, f"{m:.4f}", f"{s:.4f}") for n, m, s in zip(names, source.mean, source.std, strict=True)]
    _table(console, ("channel", "mean", "deviation"), rows)


def _print_skipped(source: "Source", console: "Console") -> None:
    _topic(console, "Skipped files")
    reasons = Counter(reason for _, reason in source.skipped)
    if not reasons:
        console.print("none")
    for reason, count in reasons.most_common(_FILES_SHOWN):
        examples = [path for path, why in source.skipped if why == reason][:_FILES_SHOWN]
        more = " ..." if count > len(examples) else ""
        console.print(f"{count:,} {reason}: {', '.join(examples)}{more}", markup=False, soft_wrap=True)
    if len(reasons) > _FILES_SHOWN:
        console.print(
            f"and {len(source.skipped) - sum(c for _, c in reasons.most_common(_FILES_SHOWN)):,} others"
        )


def _print_duplicates(opened: "Opened", console: "Console", screen: "Screen") -> None:
    """Exact and near duplicates, within each split and across splits."""
    import numpy as np

    from twofold.data import duplicates

    splits = opened.source.splits
    names = list(splits)
    used = np.concatenate([opened.rows[name] for name in names])
    split = np.repeat(np.arange(len(names)), [len(splits[name]) for name in names])
    paths = [path for name in names for path in splits[name].paths]
    digests = opened.store.index.rows["digest"][used]
    with screen.bar("comparing", len(used)) as advance:
        small = np.concatenate([duplicates.thumbnails(splits[name], advance) for name in names])
    kinds = {
        "exact": duplicates.exact_pairs(digests, split),
        "near": duplicates.near_pairs(small, digests, split),
    }
    _topic(console, "Duplicates")
    found = [
        (kind, twins)
        for kind, pairs in kinds.items()
        for twins in duplicates.by_splits(pairs, split, names, paths)
    ]
    if not found:
        console.print("none, neither exact nor near")
        return
    rows = [(kind, twins.second, twins.first, f"{twins.count:,}") for kind, twins in found]
    _table(console, ("kind", "images of", "that are also in", "images"), rows)
    for kind, twins in found:
        path, twin = twins.examples[0]
        console.print(f"{kind}: {twin} = {path}", markup=False, soft_wrap=True)
    leaks = sum(twins.count for _, twins in found if twins.first != twins.second)
    if leaks:
        console.print(f"[bold]{leaks:,} images are in two splits: scores on them are too good[/bold]")


def _topic(console: "Console", text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _table(console: "Console", head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for position, name in enumerate(head):
        table.add_column(name, overflow="fold", justify="left" if position == 0 else "default")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
