"""Slow, obvious twins of the operations on whole views: one image, one pixel at a time, in float64.

``TWINS`` has one for every operation of ``views/ops``: called with the operation, an image ``h w c`` and
what was drawn for it, by name.
"""

import math
from itertools import product

import numpy as np

from twofold.views.ops.randaugment import KINDS
from views import reference
from views.reference import keys, luma
from views.reference_spaces import SPACES


def at(colours, y, x):
    """The pixel at (y, x), continued by the border."""
    height, width = colours.shape[:2]
    return colours[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]


def each_pixel(colours, change):
    return np.stack([[change(y, x) for x in range(colours.shape[1])] for y in range(colours.shape[0])])


def each_channel(colours, change):
    return np.stack([change(colours[:, :, c]) for c in range(colours.shape[2])], axis=2)


def level(value):
    return int(np.rint(value * 255))


def posterize(colours, bits):
    return np.vectorize(lambda value: (level(value) >> (8 - bits) << (8 - bits)) / 255)(colours)


def autocontrast(colours):
    def stretched(plane):
        low, high = plane.min(), plane.max()
        return plane if high - low < 0.5 / 255 else (plane - low) / (high - low)

    return each_channel(colours, stretched)


def equalize(colours):
    def equal(plane):
        levels = np.array([level(value) for value in plane.ravel()])
        step = (levels < levels.max()).sum() // 255
        if step == 0:
            return plane
        table = {one: min(255, (step // 2 + (levels < one).sum()) // step) for one in set(levels)}
        return np.array([table[one] for one in levels]).reshape(plane.shape) / 255

    return each_channel(colours, equal)


def sharpness(colours, factor):
    height, width = colours.shape[:2]

    def smooth(y, x):
        if not (0 < y < height - 1 and 0 < x < width - 1):
            return colours[y, x]
        around = sum(colours[y + dy, x + dx] for dy, dx in product((-1, 0, 1), repeat=2))
        return (around + 4 * colours[y, x]) / 13

    return np.clip(factor * colours + (1 - factor) * each_pixel(colours, smooth), 0, 1)


def gradient(colours, y, x):
    across = sum(
        weight * (at(colours, y + d, x + 1) - at(colours, y + d, x - 1))
        for d, weight in ((-1, 0.25), (0, 0.5), (1, 0.25))
    )
    down = sum(
        weight * (at(colours, y + 1, x + d) - at(colours, y - 1, x + d))
        for d, weight in ((-1, 0.25), (0, 0.5), (1, 0.25))
    )
    return across, down


def sobel(colours):
    return np.minimum(each_pixel(colours, lambda y, x: np.hypot(*gradient(colours, y, x))), 1)


def gradients(colours):
    plane = luma(colours)[:, :, None]
    both = each_pixel(plane, lambda y, x: np.concatenate(gradient(plane, y, x)))
    return 0.5 + both / 2


def cutout(colours, box, fill):
    top, left, bottom, right = box
    return each_pixel(
        colours,
        lambda y, x: (
            np.full(colours.shape[2], fill) if top <= y < bottom and left <= x < right else colours[y, x]
        ),
    )


def mixed(state):
    """The finaliser of SplitMix64 in Python's own integers."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def normal(seed, position):
    bits = mixed((mixed(seed * 0x9E3779B97F4A7C15 % 2**64) + (position + 1) * 0x9E3779B97F4A7C15) % 2**64)
    radius, angle = ((bits >> 32) + 0.5) / 2**32, (bits % 2**32 + 0.5) / 2**32
    return math.sqrt(-2 * math.log(radius)) * math.cos(2 * math.pi * angle)


def noisy(colours, sigma, seed, clip):
    """Values are counted channel by channel, row by row."""
    height, width, channels = colours.shape
    noise = np.array([normal(int(seed), position) for position in range(colours.size)])
    out = colours + sigma * noise.reshape(channels, height, width).transpose(1, 2, 0)
    return np.clip(out, 0, 1) if clip else out


def kept(colours, channel, fill):
    out = np.full_like(colours, fill)
    out[:, :, channel] = colours[:, :, channel]
    return out


def warp(colours, move, interpolation):
    """Each pixel looks up where it came from; outside lies the mean colour."""
    height, width = colours.shape[:2]
    mean = colours.mean((0, 1))
    reach, weight = (
        (1, lambda d: max(0.0, 1 - abs(d))) if interpolation == "bilinear" else (2, lambda d: keys(d, -0.75))
    )

    def look_up(y, x):
        from_x, from_y = move @ [x + 0.5, y + 0.5, 1] - 0.5
        out = 0
        for row in range(math.floor(from_y) - reach + 1, math.floor(from_y) + reach + 1):
            for column in range(math.floor(from_x) - reach + 1, math.floor(from_x) + reach + 1):
                inside = 0 <= row < height and 0 <= column < width
                colour = colours[row, column] if inside else mean
                out = out + weight(from_y - row) * weight(from_x - column) * colour
        return out

    return np.clip(each_pixel(colours, look_up), 0, 1)


def recrop(colours, box):
    top, left, tall, wide = box
    return reference.resize(colours[top : top + tall, left : left + wide], *colours.shape[:2])


def padded_crop(colours, margin, place):
    height, width = colours.shape[:2]
    beside = round(margin * width)
    top, left = place
    out = np.zeros_like(colours)
    for y, x in np.ndindex(height, width):
        from_y, from_x = y + top - beside, x + left - beside
        if 0 <= from_y < height and 0 <= from_x < width:
            out[y, x] = colours[from_y, from_x]
    return out


def patches(colours, place, side):
    return np.stack([colours[top : top + side, left : left + side] for top, left in place])


def jitter(colours, drawn, brightness):
    steps = (brightness, reference.contrast, reference.saturation, reference.hue)
    amounts = [drawn[name] for name in ("brightness", "contrast", "saturation", "hue")]
    for step in drawn["order"]:
        colours = steps[step](colours, amounts[step])
    return colours


def add(colours, amount):
    return np.clip(colours + amount, 0, 1)


RANDAUGMENT = {
    "autocontrast": lambda colours, _: autocontrast(colours),
    "equalize": lambda colours, _: equalize(colours),
    "invert": lambda colours, _: 1 - colours,
    "posterize": lambda colours, level: posterize(colours, int(4 * level)),
    "solarize": lambda colours, level: reference.solarize(colours, int(256 * level) / 255),
    "solarize_add": lambda colours, level: np.where(
        colours < 128 / 255, np.minimum(colours + int(110 * level) / 255, 1), colours
    ),
    "colour": lambda colours, level: reference.saturation(colours, 0.1 + 1.8 * level),
    "contrast": lambda colours, level: reference.contrast(colours, 0.1 + 1.8 * level),
    "brightness": lambda colours, level: reference.brightness(colours, 0.1 + 1.8 * level),
    "sharpness": lambda colours, level: sharpness(colours, 0.1 + 1.8 * level),
}


def level_of(name, amount):
    """The level that gave an amount, or a little more where it was rounded down."""
    parts = {"posterize": 4, "solarize": 256 / 255, "solarize_add": 110 / 255}
    return amount / parts[name] + 1e-9 if name in parts else (amount - 0.1) / 1.8


def randaugment(colours, drawn):
    for kind, amount, step, cubic in zip(
        drawn["kind"], drawn["amount"], drawn["step"], drawn["cubic"], strict=True
    ):
        if kind < 0:
            continue
        if KINDS[kind] in RANDAUGMENT:
            level = level_of(KINDS[kind], amount)
            colours = RANDAUGMENT[KINDS[kind]](colours, level)
        else:
            colours = warp(colours, step, "bicubic" if cubic else "bilinear")
    return colours


def warped(operation, colours, drawn):
    return warp(colours, drawn["move"], operation.interpolation)


def converted(operation, colours, drawn):
    return each_pixel(colours, lambda y, x: np.array(SPACES[operation.space](*colours[y, x])))


def unchanged(operation, colours, drawn):
    return colours


TWINS = {
    "Jitter": lambda o, c, d: jitter(c, d, reference.brightness),
    "AdditiveJitter": lambda o, c, d: jitter(c, d, add),
    "Gray": lambda o, c, d: reference.gray(c),
    "Blur": lambda o, c, d: reference.blur(c, d["sigma"]),
    "Solarize": lambda o, c, d: reference.solarize(c, o.threshold),
    "Flip": lambda o, c, d: c[:, ::-1],
    "VerticalFlip": lambda o, c, d: c[::-1],
    "Turn": lambda o, c, d: np.rot90(c, d["tag"]),
    "Posterize": lambda o, c, d: posterize(c, int(d["bits"])),
    "Equalize": lambda o, c, d: equalize(c),
    "AutoContrast": lambda o, c, d: autocontrast(c),
    "Invert": lambda o, c, d: 1 - c,
    "Sharpness": lambda o, c, d: sharpness(c, d["factor"]),
    "Sobel": lambda o, c, d: sobel(c),
    "Gradients": lambda o, c, d: gradients(c),
    "Cutout": lambda o, c, d: cutout(c, d["box"], o.fill),
    "GaussianNoise": lambda o, c, d: noisy(c, d["sigma"], d["seed"], o.clip),
    "Channels": lambda o, c, d: c[:, :, list(o.keep)],
    "ChannelDrop": lambda o, c, d: kept(c, d["kept"], o.fill),
    "ColourSpace": converted,
    "Patches": lambda o, c, d: patches(c, d["place"], o.pixels(len(c)).side),
    "RandAugment": lambda o, c, d: randaugment(c, d),
    "AutoAugment": lambda o, c, d: randaugment(c, d),
    "Rotate": warped,
    "Shear": warped,
    "Translate": warped,
    "Recrop": lambda o, c, d: recrop(c, d["box"]),
    "PaddedCrop": lambda o, c, d: padded_crop(c, o.margin, d["place"]),
    "RandomMask": unchanged,
    "BlockMask": unchanged,
}
