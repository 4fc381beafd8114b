"""Taps that take an image between its pixels, and what they do to its noise.

For a fraction t of a pixel they are the least-squares interpolator of a band (Laakso et al., IEEE
Signal Processing Magazine 13:30 (1996), section on the least-squares design): the filter of sum 1
whose response differs least from exp(2 pi i f t), here for all |f| < 0.44 cycles a pixel and fifty
times more so for |f| < 0.25. It is exact to 0.4 % up to 0.2 and to 3 % up to 0.3. White noise loses
up to a third of its amplitude towards Nyquist, which ``noise_response`` tells; divided by that,
signal against noise is 0.994 of the exact one's on the ring at 0.9 Nyquist.
"""

import functools
import math

import numba
import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray

TAPS = 10
BEFORE = TAPS // 2 - 1
"""Taps before the pixel that a place lies in."""
FRACTIONS = 512

_BANDS = ((0.25, 1.0), (0.44, 0.02))
"""Limits, cycles a pixel, and weights; the bands lie within each other."""
_RESPONSE_STEPS = 256


@functools.cache
def interpolation_taps() -> ImageArray:
    """Return ``(513, 10)`` float32: taps at pixels -4 to 5 for fractions 0, 1/512, ... 1."""
    places = np.arange(TAPS) - BEFORE
    fractions = np.arange(FRACTIONS + 1) / FRACTIONS
    normal = _band_overlap(places[:, None] - places) + 1e-7 * np.eye(TAPS)
    inverse = np.linalg.inv(normal)
    taps = inverse @ _band_overlap(places[:, None] - fractions)
    constant = inverse.sum(axis=1)
    taps += np.outer(constant / constant.sum(), 1.0 - taps.sum(axis=0))
    return np.ascontiguousarray(taps.T, dtype=np.float32)


def _band_overlap(distance: FloatArray | NDArray[np.int64]) -> FloatArray:
    """Return the scalar product, over the bands, of impulses that lie so many pixels apart."""
    parts = [weight * limit * np.sinc(2.0 * limit * distance) for limit, weight in _BANDS]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def noise_response(displacements_px: FloatArray, weights: FloatArray) -> ImageArray:
    """Return by how much white noise is damped in a sum of resampled frames, root mean square.

    Args:
        displacements_px: ``(frames, points, 2)``, x and y; their fractions count.
        weights: ``(frames,)``: of each frame in the sum.

    Returns:
        ``(257, 257)`` float32 at frequencies 0, 1/512, ... 1/2 cycles a pixel along y and x; not
        less than 0.3, where frames half a pixel apart have nothing left to see.
    """
    taps = interpolation_taps().astype(np.float64)
    frequency = np.arange(_RESPONSE_STEPS + 1) * 0.5 / _RESPONSE_STEPS
    powers = np.abs(taps @ np.exp(2j * math.pi * np.outer(np.arange(TAPS), frequency))) ** 2
    fractions = np.rint((displacements_px - np.floor(displacements_px)) * FRACTIONS)
    # Where frames move as a whole, all points of one are alike.
    numbers, alike = np.unique(
        fractions.astype(np.int64).reshape(-1, 2) @ (1, FRACTIONS + 1), return_inverse=True
    )
    share = np.bincount(alike, np.repeat(weights**2, displacements_px.shape[1]))
    y, x = np.divmod(numbers, FRACTIONS + 1)
    power = (powers[y] * (share / share.sum())[:, None]).T @ powers[x]
    response: ImageArray = np.sqrt(np.maximum(power, 0.09)).astype(np.float32)
    return response


def whiten(spectrum: SpectrumArray, response: ImageArray, y: ImageArray, x: ImageArray) -> None:
    """Divide a spectrum by a response of ``noise_response``.

    Args:
        spectrum: ``(rows, half)`` complex64, overwritten.
        response: Between whose frequencies it is linear.
        y: ``(rows,)`` float32, cycles a pixel.
        x: ``(half,)`` float32, cycles a pixel.
    """
    at, part = _split(x)
    # Along x for all rows of the response at once: what is left is simple enough for vectors.
    along_x = response[:, at] * (1 - part) + response[:, at + 1] * part
    _divide(spectrum, along_x, *_split(y))


def _split(frequency: ImageArray) -> tuple[NDArray[np.int64], ImageArray]:
    """Return frequencies' places in a response, and how far they are from the next ones."""
    at = np.abs(frequency) * np.float32(2 * _RESPONSE_STEPS)
    place = np.minimum(at.astype(np.int64), _RESPONSE_STEPS - 1)
    return place, (at - place).astype(np.float32)


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _divide(spectrum, along_x, at, part):  # type: ignore[no-untyped-def]  # numba infers the types
    one = np.float32(1.0)
    for row in numba.prange(spectrum.shape[0]):
        line, other, rest = along_x[at[row]], along_x[at[row] + 1], part[row]
        values = spectrum[row]
        for column in range(values.size):
            values[column] *= one / (line[column] * (one - rest) + other[column] * rest)
