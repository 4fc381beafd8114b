"""Correct frames by the camera's gain reference."""

import math
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray, ImageArray

RawFrame: TypeAlias = NDArray[Any]
"""``(rows, columns)`` of any real number type, as the camera wrote it."""

MaskArray: TypeAlias = NDArray[np.bool_]
"""``(rows, columns)``: which pixels are bad."""


def orient_reference(reference: RawFrame, rotation: int, flip: int) -> RawFrame:
    """Turn a gain reference into the frames' orientation: rotated first, then flipped.

    The array operations are those of RELION's ``--gain_rot`` and ``--gain_flip``, and of
    MotionCor2's ``-RotGain`` and ``-FlipGain``.

    Args:
        reference: ``(rows, columns)``.
        rotation: Turns of 90°, clockwise where row 0 is shown on top.
        flip: 0 none, 1 upside down, 2 left to right.
    """
    turned = np.rot90(reference, -rotation)
    if flip == 1:
        turned = turned[::-1]
    elif flip == 2:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def replicate_reference(reference: RawFrame, shape: tuple[int, int]) -> RawFrame:
    """Give each finer pixel the value of the camera's pixel that it lies in.

    Args:
        reference: ``(rows, columns)`` of the camera's pixels.
        shape: Rows and columns of the frames: the same, or 2 or 4 times as many.

    Raises:
        ValueError: The shape is none of these.
    """
    factor = shape[0] // reference.shape[0]
    if factor not in (1, 2, 4) or tuple(size * factor for size in reference.shape) != shape:
        raise ValueError(f"a reference of {reference.shape} does not fit frames of {shape}")
    if factor == 1:
        return reference
    return np.repeat(np.repeat(reference, factor, axis=0), factor, axis=1)


def invert_reference(reference: ImageArray) -> ImageArray:
    """Turn a divisive reference (an image of the evenly lit camera) into a multiplicative one.

    Its good pixels are positive; others become 0, which is a bad pixel.
    """
    good = np.isfinite(reference) & (reference > 0)
    inverted = np.zeros_like(reference)
    # A pixel that is next to nothing becomes infinite, which is a bad pixel too.
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(reference[good].mean(dtype=np.float64), reference, out=inverted, where=good)
    return inverted


def find_dead_pixels(reference: ImageArray) -> MaskArray:
    """Return the pixels for which a multiplicative gain reference has no sensible value.

    A dead pixel has 0; what is negative or no number cannot be used either.
    """
    return ~(np.isfinite(reference) & (reference > 0))


@njit(cache=True, nogil=True)
def apply_gain(raw, gain, corrected):  # type: ignore[no-untyped-def]  # numba infers the types
    """Multiply a frame by the gain.

    Args:
        raw: ``(rows, columns)`` of any number type.
        gain: ``(rows, columns) float32``.
        corrected: ``(rows, columns) float32``, written.
    """
    for row in range(raw.shape[0]):
        for column in range(raw.shape[1]):
            corrected[row, column] = np.float32(raw[row, column]) * gain[row, column]


NO_GAIN: ImageArray = np.empty((0, 0), np.float32)
"""Stands for the gain where frames are measured as they are."""


@njit(cache=True, nogil=True)
def measure_rows(frame, gain, measures):  # type: ignore[no-untyped-def]  # numba infers the types
    """Measure each row of a frame times the gain.

    Args:
        frame: ``(rows, columns)`` of any number type.
        gain: ``(rows, columns) float32``, or ``NO_GAIN``.
        measures: ``(rows, 4)`` float64, written: sum, sum of squares, minimum and maximum. The sum
            is no number where a pixel is none.
    """
    scaled = np.empty(gain.shape[1], np.float32)
    for row in range(frame.shape[0]):
        _measure_row(frame, gain, row, scaled, measures[row])


@njit(cache=True, nogil=True)
def measure_and_add(frame, gain, measures, summed):  # type: ignore[no-untyped-def]  # numba
    """Measure each row as ``measure_rows`` does, and add the frame, less the gain, to a sum.

    In one pass: reading and writing a frame costs more than what is done with it.

    Args:
        frame: ``(rows, columns)`` of any number type.
        gain: ``(rows, columns) float32``, or ``NO_GAIN``.
        measures: ``(rows, 4)`` float64, written.
        summed: ``(rows, columns)`` of a type that holds the sum, added to.
    """
    scaled = np.empty(gain.shape[1], np.float32)
    for row in range(frame.shape[0]):
        _measure_row(frame, gain, row, scaled, measures[row])
        _add(frame[row], summed[row])


@njit(cache=True, nogil=True)
def _measure_row(frame, gain, row, scaled, measured):  # type: ignore[no-untyped-def]  # numba
    line = frame[row]
    if gain.size:
        _scale(line, gain[row], scaled)
        measured[0], measured[1] = _sums(scaled)
        measured[2], measured[3] = _extremes_of_floats(scaled)
    else:
        measured[0], measured[1] = _sums(line)
        measured[2], measured[3] = _extremes(line)


@njit(cache=True, nogil=True)
def _scale(line, gain, scaled):  # type: ignore[no-untyped-def]  # numba infers the types
    for column in range(line.size):
        scaled[column] = np.float32(line[column]) * gain[column]


@njit(cache=True, nogil=True)
def _add(line, total):  # type: ignore[no-untyped-def]  # numba infers the types
    for column in range(line.size):
        total[column] += line[column]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _sums(line):  # type: ignore[no-untyped-def]  # numba infers the types
    total, squares = 0.0, 0.0
    for column in range(line.size):
        value = np.float64(line[column])
        total += value
        squares += value * value
    return total, squares


@njit(cache=True, nogil=True, fastmath=True)
def _extremes(line):  # type: ignore[no-untyped-def]  # numba infers the types
    lowest = highest = line[0]
    for column in range(line.size):
        lowest = min(lowest, line[column])
        highest = max(highest, line[column])
    return np.float64(lowest), np.float64(highest)


@njit(cache=True, nogil=True)
def _extremes_of_floats(line):  # type: ignore[no-untyped-def]  # numba infers the types
    """Compare 32-bit floats as integers of the same order: only of those are loops vectorised."""
    bits = line.view(np.int32)
    lowest, highest = np.int32(0x7FFFFFFF), np.int32(-0x80000000)
    for column in range(bits.size):
        key = np.int32(bits[column] ^ ((bits[column] >> 31) & np.int32(0x7FFFFFFF)))
        lowest, highest = min(lowest, key), max(highest, key)
    ends = np.empty(2, np.int32)
    for place, key in enumerate((lowest, highest)):
        ends[place] = np.int32(key ^ ((key >> 31) & np.int32(0x7FFFFFFF)))
    values = ends.view(np.float32)
    return np.float64(values[0]), np.float64(values[1])


def frame_statistics(measures: FloatArray, columns: int) -> tuple[float, float, float, float]:
    """Return mean, standard deviation, minimum and maximum from the measures of all rows.

    All four are NaN where a pixel is no number or infinite.
    """
    count = len(measures) * columns
    total, squares = (float(value) for value in measures[:, :2].sum(axis=0))
    mean = total / count
    if not math.isfinite(mean):
        return (math.nan,) * 4
    deviation = math.sqrt(max(squares / count - mean * mean, 0.0))
    return mean, deviation, float(measures[:, 2].min()), float(measures[:, 3].max())
