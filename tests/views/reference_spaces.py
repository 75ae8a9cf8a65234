"""Slow, obvious twins of the colour spaces: one colour, written out from the standards."""

import colorsys

WEIGHTS = (0.299, 0.587, 0.114)


def lab(*rgb):
    """CIE 1976 of sRGB, white D65; then CMC's mean and std, and from [-1, 1] to [0, 1]."""
    r, g, b = (((v + 0.055) / 1.055) ** 2.4 if v > 0.04045 else v / 12.92 for v in rgb)
    x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047
    y = 0.212671 * r + 0.715160 * g + 0.072169 * b
    z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    plain = (116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz))
    scaled = [(v - m) / s for v, m, s in zip(plain, (50, 6.025, -6.690), (50, 92.208, 101.168), strict=True)]
    return [min(max((v + 1) / 2, 0), 1) for v in scaled]


def luma(r, g, b):
    return sum(w * v for w, v in zip(WEIGHTS, (r, g, b), strict=True))


def ycbcr(r, g, b):
    """JPEG's."""
    y = luma(r, g, b)
    return y, 0.5 + (b - y) / 1.772, 0.5 + (r - y) / 1.402


def ydbdr(r, g, b):
    """SECAM's; both differences reach 1.333."""
    y = luma(r, g, b)
    return y, 0.5 + 1.505 * (b - y) / 2.666, 0.5 - 1.902 * (r - y) / 2.666


def yiq(r, g, b):
    """NTSC's; the differences reach 0.5957 and 0.5226."""
    y = luma(r, g, b)
    i = 0.595716 * r - 0.274453 * g - 0.321263 * b
    q = 0.211456 * r - 0.522591 * g + 0.311135 * b
    return y, 0.5 + i / (2 * 0.595716), 0.5 + q / (2 * 0.522591)


def yuv(r, g, b):
    """PAL's; the differences reach 0.436 and 0.615."""
    y = luma(r, g, b)
    return y, 0.5 + 0.492 * (b - y) / 0.872, 0.5 + 0.877 * (r - y) / 1.23


SPACES = {
    "lab": lab,
    "hsv": colorsys.rgb_to_hsv,
    "ycbcr": ycbcr,
    "ydbdr": ydbdr,
    "yiq": yiq,
    "yuv": yuv,
}
