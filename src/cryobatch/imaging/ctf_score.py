"""How well a defocus explains the rings of a spectrum: the inner loop of the CTF fit.

The model of a pixel is ``-cos(2 chi)``, that is ``|CTF|²`` less its mean (and, but for harmonics
that averaging removes, ``|CTF|`` less its mean). Where rings are so narrow that a pixel averages
over them, the model fades as that average does.

The score is the partial correlation of the flattened spectrum and this model: what the background's
shapes could explain as well is taken out of both. A model that they explain nearly whole counts as
if it kept at least ``LEAST_KEPT`` of its length, or slow errors of the background would look like
rings of a very low defocus.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryobatch.imaging.arrays import ImageArray

LEAST_KEPT = 0.6


@njit(cache=True, nogil=True, fastmath=True)
def cosine_of_turns(turns: np.float32) -> np.float32:
    """Return cos(2 pi turns) to 1e-6: a polynomial that the compiler can vectorise."""
    folded = abs(turns - np.floor(turns + np.float32(0.5)))
    angle = np.float32(2.0 * np.pi) * (folded - np.float32(0.25))
    square = angle * angle
    series = np.float32(1.0 / 362880.0) - square * np.float32(1.0 / 39916800.0)
    series = np.float32(1.0 / 5040.0) - square * series
    series = np.float32(1.0 / 120.0) - square * series
    series = np.float32(1.0 / 6.0) - square * series
    cosine: np.float32 = -angle * (np.float32(1.0) - square * series)
    return cosine


@njit(cache=True, nogil=True, fastmath=True)
def pixel_average(turns_per_pixel: np.float32) -> np.float32:
    """Return sinc(turns), what averaging over a pixel leaves of a cosine; 0 from 1 turn on."""
    square = turns_per_pixel * turns_per_pixel
    if square >= np.float32(1.0):
        return np.float32(0.0)
    # The zero at one turn times a fitted polynomial: within 0.002 of the truth.
    tail = np.float32(1.0) - square * (np.float32(0.63749) - square * np.float32(0.1391))
    return (np.float32(1.0) - square) * tail


@njit(cache=True, nogil=True, fastmath=True)
def fill_model(
    mean: np.float32,
    cosine: np.float32,
    sine: np.float32,
    phase: np.float32,
    geometry: ImageArray,
    model: NDArray[np.float32],
) -> None:
    """Write the model of every pixel; ``geometry`` as `RingPixels` has it."""
    for i in range(model.size):
        local = mean + cosine * geometry[0, i] + sine * geometry[1, i]
        turns = geometry[2, i] * local + geometry[3, i] + phase
        model[i] = -pixel_average(geometry[4, i] * local) * cosine_of_turns(turns)


@njit(cache=True, nogil=True, fastmath=True)
def partial_correlation(
    mean: np.float32,
    cosine: np.float32,
    sine: np.float32,
    phase: np.float32,
    geometry: ImageArray,
    data: NDArray[np.float32],
    background: ImageArray,
    least_kept: float,
) -> float:
    """Return the score of one defocus.

    Args:
        mean: Mean defocus in Å.
        cosine: Its part that goes with the cosine of the double direction, Å.
        sine: Its part that goes with the sine of the double direction, Å.
        phase: Phase shift in turns.
        geometry: ``(5, pixels)``: cos and sin of the double direction, turns per Å of defocus,
            constant turns, turns per pixel of radius and Å of defocus.
        data: ``(pixels,)``: length 1 and orthogonal to the background.
        background: ``(shapes, pixels)``: orthonormal shapes of the background.
        least_kept: The least share of its length that a model counts with.
    """
    model = np.empty(data.size, np.float32)
    fill_model(mean, cosine, sine, phase, geometry, model)
    along = np.float32(0.0)
    square = np.float32(0.0)
    for i in range(data.size):
        along += model[i] * data[i]
        square += model[i] * model[i]
    explained = np.float32(0.0)
    for shape in range(background.shape[0]):
        part = np.float32(0.0)
        for i in range(data.size):
            part += model[i] * background[shape, i]
        explained += part * part
    kept = max(float(square - explained), least_kept * least_kept * float(square))
    if kept <= 0.0:
        return 0.0
    return float(along) / math.sqrt(kept)
