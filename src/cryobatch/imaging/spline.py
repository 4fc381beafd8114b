"""Cubic B-splines, for taking images between their pixels.

The spline through an image is a sum of B-splines times coefficients, and getting the coefficients
is a filter of the image (Unser, IEEE Signal Processing Magazine 16:22 (1999)).
"""

import math

import numba
import numpy as np

from cryobatch.imaging.arrays import ImageArray

_ONE, _TWO, _HALF = np.float32(1.0), np.float32(2.0), np.float32(0.5)
_SIXTH, _TWO_THIRDS = np.float32(1.0 / 6.0), np.float32(2.0 / 3.0)


def coefficient_response(frequency_per_pixel: ImageArray) -> ImageArray:
    """Return the transform of a B-spline at whole pixels: divide by it to get coefficients."""
    result: ImageArray = ((2.0 + np.cos(2.0 * math.pi * frequency_per_pixel)) / 3.0).astype(
        np.float32
    )
    return result


@numba.njit(cache=True, nogil=True, inline="always")
def spline_weights(part):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the four weights at a fraction (float32) of a pixel."""
    rest = _ONE - part
    return (
        rest * rest * rest * _SIXTH,
        _TWO_THIRDS - _HALF * part * part * (_TWO - part),
        _TWO_THIRDS - _HALF * rest * rest * (_TWO - rest),
        part * part * part * _SIXTH,
    )


@numba.njit(cache=True, nogil=True, inline="always")
def sample(coefficients, x, y):  # type: ignore[no-untyped-def]  # numba infers the types
    """Evaluate a spline at (x, y); outside, its border goes on."""
    rows, columns = coefficients.shape
    left, top = math.floor(x), math.floor(y)
    a, b, c, d = spline_weights(np.float32(x - left))
    e, f, g, h = spline_weights(np.float32(y - top))
    i = min(max(left, 1), columns - 3)
    j = min(max(top, 1), rows - 3)
    first, second, third, fourth = (
        coefficients[j - 1], coefficients[j], coefficients[j + 1], coefficients[j + 2]
    )  # fmt: skip
    return (
        e * (a * first[i - 1] + b * first[i] + c * first[i + 1] + d * first[i + 2])
        + f * (a * second[i - 1] + b * second[i] + c * second[i + 1] + d * second[i + 2])
        + g * (a * third[i - 1] + b * third[i] + c * third[i + 1] + d * third[i + 2])
        + h * (a * fourth[i - 1] + b * fourth[i] + c * fourth[i + 1] + d * fourth[i + 2])
    )


@numba.njit(cache=True, nogil=True, inline="always")
def bend(terms, u, v):  # type: ignore[no-untyped-def]  # numba infers the types
    """Evaluate 1, u, u², v, v², uv times ``terms`` (6)."""
    return terms[0] + u * (terms[1] + u * terms[2] + v * terms[5]) + v * (terms[3] + v * terms[4])
