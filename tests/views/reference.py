"""Slow, obvious twins of the view operations: one image, one pixel at a time, in float64."""

import colorsys
from itertools import product

import numpy as np

from twofold.views.ops.blur import Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.solarize import Solarize


def line_weights(extent, side):
    """Triangle filter on pixel centres: ``side`` outputs of ``extent`` inputs."""
    weights = np.zeros((side, extent))
    scale = extent / side
    for i, j in product(range(side), range(extent)):
        distance = abs((j + 0.5) - (i + 0.5) * scale)
        weights[i, j] = max(0.0, 1 - distance / max(scale, 1.0))
    return weights / weights.sum(1, keepdims=True)


def resize(colours, height, width):
    """``h w c`` to ``height width c``."""
    rows = line_weights(colours.shape[0], height)
    columns = line_weights(colours.shape[1], width)
    return np.einsum("yh,xw,hwc->yxc", rows, columns, colours, optimize=True)


def crop(image, box, flip, side):
    """``h w c`` in 0 to 255 to ``side side c`` in [0, 1]."""
    top, left, tall, wide = box
    view = resize(image[top : top + tall, left : left + wide].astype(np.float64) / 255, side, side)
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
    """One row of a table of parameters, rendered."""
    colours = crop(image, table.boxes[row], table.flip[row], table.side)
    for effect in table.effects:
        drawn = {name: values[row] for name, values in effect.values.items()}
        if not effect.chosen[row]:
            continue
        match effect.operation:
            case Jitter():
                amounts = [drawn[name] for name in ("brightness", "contrast", "saturation", "hue")]
                colours = jitter(colours, amounts, drawn["order"])
            case Gray():
                colours = gray(colours)
            case Blur():
                colours = blur(colours, drawn["sigma"])
            case Solarize(threshold=threshold):
                colours = solarize(colours, threshold)
    return colours
