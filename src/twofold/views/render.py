"""Renders a table of parameters with whichever renderer is there for it."""

from dataclasses import replace
from itertools import takewhile

from twofold.core.batch import View
from twofold.core.source import Pixels
from twofold.views import kernel, render_kernel, render_torch
from twofold.views.parameters import ViewTable


def render(images: Pixels, table: ViewTable) -> View:
    """One view of each image, by the compiled kernel in main memory, else by torch.

    Where the kernel does not know an operation, torch does that and all later ones.

    Args:
        images: Colours in 0 to 255.
        table: What was drawn for each of them.

    Returns:
        Pixels in float32 in channels-last order, frames and tags, on the device of the images.
    """
    level = kernel.chosen() if images[0].device.type == "cpu" else None
    if level is None:
        return render_torch.render(images, table)
    known = tuple(takewhile(lambda effect: isinstance(effect.operation, render_kernel.KNOWN), table.effects))
    pixels = render_kernel.render(images, replace(table, effects=known), level)
    rest = table.effects[len(known) :]
    if rest:
        pixels = render_torch.changed(pixels.__getitem__, table, rest, pixels.device)
    return View(pixels, table.frame(), table.tag())
