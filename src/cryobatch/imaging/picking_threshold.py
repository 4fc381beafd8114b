"""The score from which on a maximum counts as a particle, found without knowing the truth.

Where particles are many, the scores of all maxima are two populations (chance and particles), each
about Gaussian: expectation maximisation finds them, and the threshold stands where a maximum is a
particle with a probability of a third, for particles' scores reach further down. They must be
clearly two: far apart, and so much likelier than one that the additional numbers of a second
population are paid for.

Where particles are few they form no population. Then a twin of the micrograph with the same power
spectrum and random phases, in which nothing can be, tells how high scores get by chance.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.imaging import fft
from cryobatch.imaging.arrays import FloatArray, ImageArray

_TAIL_FRACTION = 0.1
_FALSE_ALARMS = 0.001
# Even odds lose a fifth of few weak particles, and take hardly anything else for one.
_ENOUGH = 0.35
_STARTS = (0.25, 0.5, 0.75, 0.9, 0.97)
_ROUNDS = 200
_SETTLED = 1e-4
# Noise alone, split in two, lay up to 3.5 widths apart where it was worth the price below;
# weak simulated particles began at 3.7.
_SEPARATION = 3.6
# Three numbers more (mean, width, share) cost 1.5 log n by the Bayesian information criterion;
# scores of noise are not quite Gaussian and reach more.
_PRICE_PER_LOG = 2.5
_PRICE = 3.0
_LEAST_WIDTH = 0.015
# Scores are counted in bins a seventh as wide as the narrowest population: ten thousand fill a few
# hundred, and the threshold moves by less than 0.0005.
_BIN = 0.002
# A twin so wide has some 700 maxima; a wider one tells no more of chance.
_TWIN_DIAMETERS = 28.0
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where particles begin.

    Attributes:
        score: Maxima from this score on are particles; infinite where there is none.
        reason: How it was found, in words.
    """

    score: float
    reason: str


def phase_twin(
    image: ImageArray, seed: int, diameter_px: float = math.inf, threads: int = 1
) -> ImageArray:
    """Return an image with the same power spectrum and random phases: nothing is in it.

    Of an image many diameters wide it is a smaller one, with the mean power of pieces as large as
    itself (Welch, IEEE Transactions on Audio and Electroacoustics 15:70 (1967)): enough to tell
    what chance does.

    Args:
        image: ``(rows, columns)`` float32.
        seed: Decides the phases.
        diameter_px: The particles' diameter.
        threads: Threads of the transforms.
    """
    rows, columns = (_twin_side(length, diameter_px) for length in image.shape)
    noise = np.random.default_rng(seed).standard_normal((rows, columns), dtype=np.float32)
    phases = fft.rfft2(noise, workers=threads)
    phases /= np.maximum(np.abs(phases), np.float32(_TINY))
    phases *= np.sqrt(_mean_power(image, (rows, columns), threads))
    twin: ImageArray = fft.irfft2(phases, s=(rows, columns), workers=threads)
    return twin.astype(np.float32)


def _twin_side(length: int, diameter_px: float) -> int:
    if length <= _TWIN_DIAMETERS * diameter_px:
        return length
    return min(length, int(fft.next_fast_len(math.ceil(_TWIN_DIAMETERS * diameter_px), True)))


def repeated(twin: ImageArray, shape: tuple[int, ...]) -> ImageArray:
    """Return ``shape`` filled with a twin; it is periodic, so that no seam shows."""
    times = [-(-length // side) for length, side in zip(shape, twin.shape, strict=True)]
    return np.tile(twin, times)[: shape[0], : shape[1]]


def _mean_power(image: ImageArray, shape: tuple[int, int], threads: int) -> ImageArray:
    """Return the mean squared amplitude of the pieces of a shape that cover an image."""
    down, across = (
        np.linspace(0, length - side, -(-length // side)).astype(np.intp)
        for length, side in zip(image.shape, shape, strict=True)
    )
    power = np.zeros((shape[0], shape[1] // 2 + 1), np.float32)
    for top in down:
        for left in across:
            piece = image[top : top + shape[0], left : left + shape[1]]
            spectrum = fft.rfft2(piece, workers=threads)
            power += spectrum.real**2 + spectrum.imag**2
    return power / np.float32(len(down) * len(across))


def find_threshold(scores: FloatArray, chance: FloatArray) -> Threshold:
    """Find the threshold from the scores of the micrograph's maxima and of its twin's.

    Args:
        scores: ``(n,)`` in any order.
        chance: ``(m,)`` of the twin, found by the same search.
    """
    if not len(scores) or not len(chance):
        return Threshold(math.inf, "no maximum to judge")
    crossing = _crossing(scores, float(np.quantile(chance, 1.0 - _TAIL_FRACTION)))
    if crossing is not None:
        return Threshold(max(crossing, float(np.median(chance))), "two populations of scores")
    limit = chance_limit(chance, len(scores))
    if np.any(scores > limit):
        return Threshold(limit, "scores above what chance allows")
    return Threshold(math.inf, "no maximum scores higher than chance allows")


def chance_limit(chance: FloatArray, count: int) -> float:
    """Return the score that chance exceeds in one of a thousand micrographs of so many maxima.

    The tail above the 90th percentile is taken as exponential, which overstates that of a
    Gaussian: the limit errs to the safe side.
    """
    start = float(np.quantile(chance, 1.0 - _TAIL_FRACTION))
    tail = chance[chance >= start] - start
    scale = max(float(tail.mean()), _TINY)
    return start + scale * math.log(max(count * _TAIL_FRACTION / _FALSE_ALARMS, 1.0))


def _crossing(scores: FloatArray, least_mean: float) -> float | None:
    """Return where the likeliest two populations cross; None where there are not two.

    The upper one's mean must pass what one in ten maxima of the twin passes.
    One start is not enough: expectation maximisation may end with the two or three best scores as
    a population of their own.
    """
    binned, counts = _binned(scores)
    found = [
        pair
        for start in np.quantile(scores, _STARTS)
        if (pair := _two_populations(binned, counts, float(start)))
    ]
    if not found:
        return None
    likelihood, low, high = max(found)
    if high[1] < least_mean:
        return None
    single = float(np.sum(counts * _logarithm(binned, _one_population(binned, counts))))
    if likelihood - single < _PRICE + _PRICE_PER_LOG * math.log(len(scores)):
        return None
    line = np.linspace(low[1], high[1], 1001)
    return float(line[int(np.argmax(_share(line, low, high) >= _ENOUGH))])


def _binned(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ``(bins,)`` the mean score of each bin that holds any, and how many it holds."""
    bins = np.rint((scores - scores.min()) / _BIN).astype(np.intp)
    counts = np.bincount(bins)
    held = np.flatnonzero(counts)
    return np.bincount(bins, weights=scores)[held] / counts[held], counts[held].astype(np.float64)


def _two_populations(
    scores: FloatArray, counts: FloatArray, start: float
) -> tuple[float, tuple[float, float, float], tuple[float, float, float]] | None:
    """Return log-likelihood, low and high population; None where they are not two."""
    fit = _expectation_maximisation(scores, counts, start, _ROUNDS, _SETTLED, _LEAST_WIDTH)
    low, high = (fit[0], fit[1], fit[2]), (fit[3], fit[4], fit[5])
    if min(low[0], high[0]) * counts.sum() < 1.0:
        return None
    width = math.sqrt((low[2] ** 2 + high[2] ** 2) / 2.0)
    if (high[1] - low[1]) / width < _SEPARATION:
        return None
    likelihood = np.logaddexp(_logarithm(scores, low), _logarithm(scores, high))
    return float(np.sum(counts * likelihood)), low, high


@numba.njit(cache=True, nogil=True)
def _expectation_maximisation(scores, counts, start, rounds, settled, least_width):  # type: ignore[no-untyped-def]
    """Return share, mean and width of the lower and of the upper population; shares 0 if one.

    Of scores, each of which stands for so many.
    """
    count = counts.sum()
    share = (scores > start).astype(np.float64)
    low, high = np.zeros(3), np.zeros(3)
    for _ in range(rounds):
        upper = (counts * share).sum()
        if upper < 1.0 or count - upper < 1.0:
            return (0.0, 0.0, 1.0, 0.0, 0.0, 1.0)
        for population, weight in ((low, counts * (1.0 - share)), (high, counts * share)):
            total = weight.sum()
            mean = (weight * scores).sum() / total
            variance = (weight * (scores - mean) ** 2).sum() / total
            population[0], population[1] = total / count, mean
            population[2] = max(math.sqrt(variance), least_width)
        change = 0.0
        even = math.log(low[0] / low[2]) - math.log(high[0] / high[2])
        for i in range(len(scores)):
            odds = even - 0.5 * ((scores[i] - low[1]) / low[2]) ** 2
            odds += 0.5 * ((scores[i] - high[1]) / high[2]) ** 2
            part = 1.0 / (1.0 + math.exp(min(max(odds, -50.0), 50.0)))
            change = max(change, abs(part - share[i]))
            share[i] = part
        if change < settled:
            break
    return (low[0], low[1], low[2], high[0], high[1], high[2])


def _one_population(scores: FloatArray, counts: FloatArray) -> tuple[float, float, float]:
    mean = float(np.average(scores, weights=counts))
    variance = float(np.average((scores - mean) ** 2, weights=counts))
    return 1.0, mean, max(math.sqrt(variance), _LEAST_WIDTH)


def _share(
    scores: FloatArray, low: tuple[float, float, float], high: tuple[float, float, float]
) -> FloatArray:
    """Return the probability that a score belongs to the higher population."""
    odds: FloatArray = np.clip(_logarithm(scores, low) - _logarithm(scores, high), -50.0, 50.0)
    share: FloatArray = 1.0 / (1.0 + np.exp(odds))
    return share


def _logarithm(scores: FloatArray, population: tuple[float, float, float]) -> FloatArray:
    part, mean, width = population
    value: FloatArray = math.log(part / width) - 0.5 * ((scores - mean) / width) ** 2
    return value
