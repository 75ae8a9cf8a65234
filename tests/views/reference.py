"""Slow, obvious twins of the view operations: one image, one pixel at a time, in float64."""

import colorsys
from itertools import product

import numpy as np


def triangle(distance):
    return max(0.0, 1 - abs(distance))


def keys(distance, a=-0.5):
    """Keys' cubic kernel."""
    d = abs(distance)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


FILTERS = {"bilinear": triangle, "bicubic": keys}


def line_weights(extent, side, interpolation="bilinear"):
    """A filter on pixel centres: ``side`` outputs of ``extent`` inputs."""
    weights = np.zeros((side, extent))
    scale = extent / side
    for i, j in product(range(side), range(extent)):
        distance = (j + 0.5) - (i + 0.5) * scale
        weights[i, j] = FILTERS[interpolation](distance / max(scale, 1.0))
    return weights / weights.sum(1, keepdims=True)


def resize(colours, height, width, interpolation="bilinear"):
    """``h w c`` to ``height width c``."""
    rows = line_weights(colours.shape[0], height, interpolation)
    columns = line_weights(colours.shape[1], width, interpolation)
    return np.einsum("yh,xw,hwc->yxc", rows, columns, colours, optimize=True)


def crop(image, box, flip, side, interpolation="bilinear"):
    """``h w c`` in 0 to 255 to ``side side c`` in [0, 1]."""
    top, left, tall, wide = box
    cut = image[top : top + tall, left : left + wide].astype(np.float64) / 255
    view = np.clip(resize(cut, side, side, interpolation), 0, 1)
    return view[:, ::-1] if flip else view


def luma(colours):
    if colours.shape[2] == 1:
        return colours[:, :, 0]
    return 0.299 * colours[:, :, 0] + 0.587 * colours[:, :, 1] + 0.114 * colours[:, :, 2]


def gray(colours):
    return np.repeat(luma(colours)[:, :, None], colours.shape[2], axis=2)


def brightness(colours, factor):
    return np.clip(colours * factor, 0, 1)


def contrast(colours, factor):
    return np.clip(factor * colours + (1 - factor) * luma(colours).mean(), 0, 1)


def saturation(colours, factor):
    return np.clip(factor * colours + (1 - factor) * luma(colours)[:, :, None], 0, 1)


def hue(colours, turn):
    if colours.shape[2] == 1:
        return colours
    out = np.empty_like(colours)
    for y, x in np.ndindex(colours.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*colours[y, x])
        out[y, x] = colorsys.hsv_to_rgb((h + turn) % 1, s, v)
    return out


JITTER = (brightness, contrast, saturation, hue)


def jitter(colours, amounts, order):
    for step in order:
        colours = JITTER[step](colours, amounts[step])
    return colours


def blur(colours, sigma):
    """A square kernel, laid on every pixel in turn; sigma in pixels of a 224-pixel view."""
    side = min(colours.shape[:2])
    radius = side // 20
    places = np.arange(-radius, radius + 1)
    bell = np.exp(-0.5 * (places / (sigma * side / 224)) ** 2)
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    padded = np.pad(colours, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    out = np.empty_like(colours)
    for y, x in np.ndindex(colours.shape[:2]):
        window = padded[y : y + len(places), x : x + len(places)]
        out[y, x] = np.einsum("ij,ijc->c", kernel, window)
    return out


def solarize(colours, threshold):
    return np.where(colours >= threshold, 1 - colours, colours)


def view(image, table, row):
    """One row of a table of parameters, rendered: ``h w c``, or ``p h w c`` where it is cut into patches."""
    from views.reference_ops import TWINS

    colours = [crop(image, table.boxes[row], table.flip[row], table.side, table.interpolation)]
    for effect in table.effects:
        twin = TWINS[type(effect.operation).__name__]
        drawn = {name: np.atleast_1d(values)[row] for name, values in effect.values.items()}
        if effect.chosen.ndim == 1:
            changed = twin(effect.operation, colours[0], drawn) if effect.chosen[row] else colours[0]
            colours = list(changed) if changed.ndim == 4 else [changed]
            continue
        for patch, chosen in enumerate(effect.chosen[row]):
            of_patch = {name: values[patch] for name, values in drawn.items()}
            if chosen:
                colours[patch] = twin(effect.operation, colours[patch], of_patch)
    return np.stack(colours) if len(colours) > 1 else colours[0]
