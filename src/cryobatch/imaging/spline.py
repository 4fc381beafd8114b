"""Cubic B-splines, for taking images between their pixels.

The spline through an image is a sum of B-splines times coefficients. Getting the coefficients is a
filter of the image, and so is undoing the blur of leaving that out; with images that are summed
anyway, one filter of the sum does for all (Unser, IEEE Signal Processing Magazine 16:22 (1999)).
"""

import math

import numba
import numpy as np

from cryobatch.imaging.arrays import ImageArray


def coefficient_response(frequency_per_pixel: ImageArray) -> ImageArray:
    """Return the transform of a B-spline at whole pixels: divide by it to get coefficients."""
    result: ImageArray = ((2.0 + np.cos(2.0 * math.pi * frequency_per_pixel)) / 3.0).astype(
        np.float32
    )
    return result


def noise_response(frequency_per_pixel: ImageArray) -> ImageArray:
    """Return by how much white noise is damped when the pixels serve as coefficients.

    Root mean square over all fractions of a pixel, along one axis: the B-spline's transform sinc⁴
    and its aliases. An image that was sampled so, divided by this, has white noise again and up to
    half of Nyquist the right signal within 0.2 %, at Nyquist 0.71 of it.
    """
    aliases = [np.sinc(frequency_per_pixel + shift) ** 8 for shift in (-2, -1, 0, 1, 2)]
    result: ImageArray = np.sqrt(np.sum(aliases, axis=0)).astype(np.float32)
    return result


@numba.njit(cache=True, nogil=True, inline="always")
def spline_weights(part):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the four weights at a fraction of a pixel."""
    rest = 1.0 - part
    return (
        rest * rest * rest / 6.0,
        2.0 / 3.0 - 0.5 * part * part * (2.0 - part),
        2.0 / 3.0 - 0.5 * rest * rest * (2.0 - rest),
        part * part * part / 6.0,
    )


@numba.njit(cache=True, nogil=True, inline="always")
def sample(coefficients, x, y):  # type: ignore[no-untyped-def]  # numba infers the types
    """Evaluate a spline at (x, y); outside, its border goes on."""
    rows, columns = coefficients.shape
    x0, y0 = math.floor(x), math.floor(y)
    wx0, wx1, wx2, wx3 = spline_weights(x - x0)
    wy = spline_weights(y - y0)
    x0, y0 = min(max(x0, 1), columns - 3), min(max(y0, 1), rows - 3)
    value = 0.0
    for tap in range(4):
        line = coefficients[y0 - 1 + tap]
        value += wy[tap] * (
            wx0 * line[x0 - 1] + wx1 * line[x0] + wx2 * line[x0 + 1] + wx3 * line[x0 + 2]
        )
    return value


@numba.njit(cache=True, nogil=True, inline="always")
def bend(terms, u, v):  # type: ignore[no-untyped-def]  # numba infers the types
    """Evaluate 1, u, u², v, v², uv times ``terms`` (6)."""
    return terms[0] + u * (terms[1] + u * terms[2] + v * terms[5]) + v * (terms[3] + v * terms[4])
