"""A simulated electron counting camera.

Every electron is counted at most once and in one pixel, so the counts of a pixel are Poisson
distributed about the intensity there. The camera misses a part of the electrons (DQE at zero
frequency; McMullan et al., Ultramicroscopy 147:156 (2014) find 0.8 to 0.95 for such cameras) and
counts some in a neighbouring pixel, which lowers the signal's transfer (MTF) but not the noise.
Pixels differ in gain, in columns' blocks and one by one; dead ones count nothing, hot ones far too
much. The gain reference may itself be a little wrong.

Coincidence loss: the camera is read out many times a frame, and electrons that hit the same or
neighbouring pixels (by an edge or a corner) in one readout make one spot and count once. So counts
grow less than the dose does, and the noise of low frequencies is lower than Poisson's (Li et al.,
Nature Methods 10:584 (2013)). With n electrons a pixel and readout, the share

    exp(-4 n) (1 - exp(-n)) / n

is counted: of a spot the first electron is, in the order of rows and columns, and four neighbours
come before a pixel. At 8 e/pixel/s and 400 readouts a second n is 0.02, and 9 % are lost.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.imaging.arrays import CountArray, FloatArray, ImageArray

COUNTING_EFFICIENCY = 0.92
_BLOCK_COLUMNS = 64
_POISSON_LIMIT = 30.0
_HOT = 4.0
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera with its flaws, all of them known.

    Attributes:
        gain: ``(rows, columns)`` float32, multiplicative (counts times gain = electrons); 0 = dead.
        rates: ``(rows, columns)`` float32, counts for each electron that should be counted.
        hot_pixels: ``(n, 2)`` int64, x and y.
        dead_pixels: ``(n, 2)`` int64, x and y.
    """

    gain: ImageArray
    rates: ImageArray
    hot_pixels: FloatArray
    dead_pixels: FloatArray


def make_camera(
    shape: tuple[int, int],
    *,
    gain_deviation: float,
    hot: int,
    dead: int,
    seed: int,
    gain_error: float = 0.0,
) -> Camera:
    """Make a camera.

    Args:
        shape: ``(rows, columns)``.
        gain_deviation: Relative spread of its pixels' sensitivity.
        hot: How many hot pixels.
        dead: How many dead ones.
        seed: Integer.
        gain_error: Relative spread of the gain reference about the right one.
    """
    random = np.random.default_rng([seed, 1])
    sensitivity = np.clip(_pattern(shape, gain_deviation, random), 0.5, 2.0).astype(np.float32)
    places = random.choice(shape[0] * shape[1], size=hot + dead, replace=False)
    rows, columns = np.unravel_index(places, shape)
    gain = (1.0 / sensitivity).astype(np.float32)
    if gain_error > 0.0:
        gain *= _pattern(shape, gain_error, np.random.default_rng([seed, 12]))
    sensitivity[rows[:hot], columns[:hot]] *= random.uniform(10.0, 60.0, hot).astype(np.float32)
    sensitivity[rows[hot:], columns[hot:]] = 0.0
    gain[rows[hot:], columns[hot:]] = 0.0
    pixels = np.stack([columns, rows], axis=-1).astype(np.float64)
    return Camera(gain, sensitivity, pixels[:hot], pixels[hot:])


def _pattern(shape: tuple[int, int], deviation: float, random: np.random.Generator) -> ImageArray:
    """Return ``(rows, columns)`` float32 about 1, different by pixel and by block of columns."""
    pixels = 1.0 + deviation * random.standard_normal(shape, dtype=np.float32) * 0.8
    blocks = random.standard_normal(math.ceil(shape[1] / _BLOCK_COLUMNS)) * deviation * 0.6
    pixels *= 1.0 + np.repeat(blocks, _BLOCK_COLUMNS)[: shape[1]].astype(np.float32)
    return pixels.astype(np.float32)


def share_counted(electrons_per_readout: float) -> float:
    """Return the share of electrons that no coincidence hides, at so many a pixel and readout."""
    n = electrons_per_readout
    return 1.0 if n <= 0.0 else math.exp(-4.0 * n) * -math.expm1(-n) / n


def modulation_transfer(frequency_per_pixel: ImageArray) -> ImageArray:
    """Return the signal's transfer at a frequency (1/pixel; Nyquist = 0.5).

    A pixel's aperture, and electrons that are counted off their place by 0.25 pixel rms: about 0.47
    at Nyquist, so that the DQE falls there to 0.2, as published for counting cameras.
    """
    aperture = np.sinc(frequency_per_pixel)
    misplaced = np.exp(-2.0 * (np.pi * 0.25 * frequency_per_pixel) ** 2)
    result: ImageArray = (aperture * misplaced).astype(np.float32)
    return result


@numba.njit(cache=True, nogil=True, inline="always")
def next_uniform(state):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return SplitMix64's next state and a number in (0, 1) (Steele et al., OOPSLA 2014)."""
    state = state + _INCREMENT
    mixed = (state ^ (state >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    mixed = mixed ^ (mixed >> np.uint64(31))
    return state, (float(mixed >> np.uint64(12)) + 0.5) * (1.0 / 4503599627370496.0)


@numba.njit(cache=True, nogil=True, inline="always")
def row_state(seed, row):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return a row's own state, far from its neighbours', so that rows may run in parallel."""
    state = np.uint64(seed) ^ (np.uint64(row + 1) * _MIX_1)
    state = (state ^ (state >> np.uint64(31))) * _MIX_2
    return state ^ (state >> np.uint64(29))


@numba.njit(cache=True, nogil=True)
def _poisson(mean, state):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the state and a Poisson number, by inversion in pieces small enough for exp."""
    total = 0
    while mean > 0.0:
        piece = min(mean, _POISSON_LIMIT)
        mean -= piece
        state, uniform = next_uniform(state)
        probability = math.exp(-piece)
        count = 0
        while uniform > probability and count < 200:
            uniform -= probability
            count += 1
            probability *= piece / count
        total += count
    return state, total


@numba.njit(cache=True, parallel=True, nogil=True)
def count_electrons(intensity, rates, seed):  # type: ignore[no-untyped-def]
    """Return ``(rows, columns)`` uint8 counts of a frame.

    Args:
        intensity: ``(rows, columns)`` float32, electrons per pixel that arrive.
        rates: ``(rows, columns)`` float32, counts for each of them.
        seed: Integer; the same one gives the same counts on any number of threads.
    """
    rows, columns = intensity.shape
    counts = np.empty((rows, columns), np.uint8)
    for row in numba.prange(rows):
        state = row_state(seed, row)
        for column in range(columns):
            state, count = _poisson(intensity[row, column] * rates[row, column], state)
            counts[row, column] = min(count, 255)
    return counts


@numba.njit(cache=True, nogil=True, inline="always")
def _readout(seed, row, column, electron, readouts):  # type: ignore[no-untyped-def]
    """Return the readout in which an electron of a pixel arrives."""
    mixed = row_state(seed, row) + np.uint64(column * 256 + electron + 1) * _INCREMENT
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return (mixed >> np.uint64(33)) % np.uint64(readouts)


@numba.njit(cache=True, nogil=True)
def _hides(counts, rates, row, column, readout, seed, readouts):  # type: ignore[no-untyped-def]
    """Tell whether a pixel, if there is one, has an electron in this readout."""
    if row < 0 or column < 0 or column >= counts.shape[1] or rates[row, column] > _HOT:
        return False
    for electron in range(counts[row, column]):
        if _readout(seed, row, column, electron, readouts) == readout:
            return True
    return False


@numba.njit(cache=True, parallel=True, nogil=True)
def lose_coincident(counts, rates, seed, readouts):  # type: ignore[no-untyped-def]
    """Return ``(rows, columns)`` uint8: a frame's counts without those that a readout merges.

    Args:
        counts: ``(rows, columns)`` uint8, electrons that each pixel would count alone.
        rates: ``(rows, columns)`` float32; those of hot pixels (whose counts are no electrons and
            neither hide any nor are hidden) are far above 1.
        seed: Integer; the same one gives the same counts on any number of threads.
        readouts: How many there are in the frame.
    """
    rows, columns = counts.shape
    kept = np.empty((rows, columns), np.uint8)
    for row in numba.prange(rows):
        for column in range(columns):
            found = counts[row, column]
            if rates[row, column] <= _HOT:
                found = 0
                for electron in range(counts[row, column]):
                    readout = _readout(seed, row, column, electron, readouts)
                    hidden = _hides(counts, rates, row, column - 1, readout, seed, readouts)
                    for beside in range(-1, 2):
                        hidden = hidden or _hides(
                            counts, rates, row - 1, column + beside, readout, seed, readouts
                        )
                    for before in range(electron):
                        hidden = hidden or readout == _readout(seed, row, column, before, readouts)
                    found += not hidden
            kept[row, column] = found
    return kept


def counts_of(intensity: ImageArray, camera: Camera, seed: int, readouts: int = 0) -> CountArray:
    """Record one frame: electrons per pixel in, raw counts out (before the gain reference).

    Args:
        intensity: ``(rows, columns)`` float32, electrons per pixel that arrive.
        camera: What records them.
        seed: Integer.
        readouts: How many make the frame; with 0 no electron hides another.
    """
    counts: CountArray = count_electrons(
        intensity, camera.rates * np.float32(COUNTING_EFFICIENCY), seed
    )
    return lose_coincident(counts, camera.rates, seed, readouts) if readouts > 0 else counts
