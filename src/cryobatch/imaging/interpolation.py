"""Taps that take an image between its pixels, and what they do to its noise.

For a fraction t of a pixel they are the filter of sum 1 whose response differs least, in squares,
from A(f) exp(2 pi i f t) (Laakso et al., IEEE Signal Processing Magazine 13:30 (1996), on least
squares), errors counted as parts of A, and far more below 0.26 cycles a pixel: to there all are
exact to 0.2 %. Halfway between pixels nothing of Nyquist is left; so that noise is as strong
wherever a motion's fractions lie, A falls alike for all of them, from 0.3 cycles a pixel as a
cosine that would reach 0 at 0.6. Divided by ``noise_response``, white noise of any fraction keeps
its variance to 1 % (where A were 1 for whole pixels, to 6 %), and signal against noise stays 0.995
of the exact one's along an axis up to 0.9 Nyquist.
"""

import functools
import math

import numba
import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy import ndimage

from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray

TAPS = 10
BEFORE = TAPS // 2 - 1
"""Taps before the pixel that a place lies in."""
FRACTIONS = 512

_FALL = (0.3, 0.6)
_EXACT, _BEYOND = 0.26, 0.001
"""Limit, cycles a pixel, and what errors beyond it weigh."""
_NODES = 200
_RESPONSE_STEPS = 256
_LEAST_RESPONSE = 0.04
_JOINT = 16
_STEP_ALONG = 33
"""Pixels a border over whose mean a step between opposite ones is told."""


@functools.cache
def interpolation_taps() -> ImageArray:
    """Return ``(513, 10)`` float32: taps at pixels -4 to 5 for fractions 0, 1/512, ... 1."""
    places = np.arange(TAPS) - BEFORE
    fractions = np.arange(FRACTIONS + 1) / FRACTIONS
    nodes, shares = leggauss(_NODES)
    frequency = 0.25 * (nodes + 1.0)
    begin, end = _FALL
    target = 0.5 + 0.5 * np.cos(math.pi * np.clip((frequency - begin) / (end - begin), 0.0, 1.0))
    weights = shares * np.where(frequency < _EXACT, 1.0, _BEYOND) / target**2

    def overlap(distance: FloatArray | NDArray[np.int64], weights: FloatArray) -> FloatArray:
        """Return the scalar product of impulses that lie so many pixels apart."""
        waves = np.cos(2.0 * math.pi * frequency * np.asarray(distance)[..., None])
        product: FloatArray = waves @ weights
        return product

    inverse = np.linalg.inv(overlap(places[:, None] - places, weights) + 1e-9 * np.eye(TAPS))
    taps = inverse @ overlap(places[:, None] - fractions, weights * target)
    constant = inverse.sum(axis=1)
    taps += np.outer(constant / constant.sum(), 1.0 - taps.sum(axis=0))
    return np.ascontiguousarray(taps.T, dtype=np.float32)


@functools.cache
def _powers() -> FloatArray:
    """Return ``(513, 257)``: by what each fraction multiplies the power of each frequency."""
    taps = interpolation_taps().astype(np.float64)
    frequency = np.arange(_RESPONSE_STEPS + 1) * 0.5 / _RESPONSE_STEPS
    powers: FloatArray = (
        np.abs(taps @ np.exp(2j * math.pi * np.outer(np.arange(TAPS), frequency))) ** 2
    )
    return powers


def usual_damping(frequency: FloatArray) -> FloatArray:
    """Return by how much noise is damped along an axis, root mean square over all fractions.

    Args:
        frequency: Cycles a pixel, up to 1/2.
    """
    steps = np.arange(_RESPONSE_STEPS + 1) * 0.5 / _RESPONSE_STEPS
    damping: FloatArray = np.interp(np.abs(frequency), steps, np.sqrt(_powers()[:-1].mean(axis=0)))
    return damping


def noise_response(displacements_px: FloatArray, weights: FloatArray) -> ImageArray:
    """Return by how much white noise is damped in a sum of resampled frames, root mean square.

    Args:
        displacements_px: ``(frames, points, 2)``, x and y; their fractions count.
        weights: ``(frames,)``: of each frame in the sum.

    Returns:
        ``(257, 257)`` float32 at frequencies 0, 1/512, ... 1/2 cycles a pixel along y and x; not
        less than 0.04, where frames half a pixel apart have nothing left to see.
    """
    powers = _powers()
    fractions = np.rint((displacements_px - np.floor(displacements_px)) * FRACTIONS)
    # Where frames move as a whole, all points of one are alike.
    numbers, alike = np.unique(
        fractions.astype(np.int64).reshape(-1, 2) @ (1, FRACTIONS + 1), return_inverse=True
    )
    share = np.bincount(alike, np.repeat(weights**2, displacements_px.shape[1]))
    y, x = np.divmod(numbers, FRACTIONS + 1)
    power = (powers[y] * (share / share.sum())[:, None]).T @ powers[x]
    response: ImageArray = np.sqrt(np.maximum(power, _LEAST_RESPONSE**2)).astype(np.float32)
    return response


def join_borders(image: ImageArray) -> None:
    """Let opposite borders meet halfway, in their outermost 16 pixels: overwrites the image.

    A transform takes the last pixel for the first one's neighbour. Where they differ as a whole
    (illumination, carbon at one side), whitening would make waves of that step.

    Args:
        image: ``(rows, columns)`` float32.
    """
    for lines in (image, image.T):
        length = min(_JOINT, lines.shape[1] // 4)
        if not length:
            continue
        step = lines[:, :length].mean(axis=1) - lines[:, -length:].mean(axis=1)
        step = ndimage.uniform_filter1d(step, _STEP_ALONG, mode="nearest")
        fade = 0.25 + 0.25 * np.cos(math.pi * (np.arange(length) + 0.5) / length)
        change = (step[:, None] * fade).astype(np.float32)
        lines[:, :length] -= change
        lines[:, -length:] += change[:, ::-1]


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
