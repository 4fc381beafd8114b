"""A spectrum as a curve: averaged along its own rings, and compared with the fitted rings.

The equi-phase average collects each pixel at the frequency where a CTF without astigmatism, of the
mean defocus, has the phase that this pixel has (Zhang 2016, "Gctf", section 2.7): rings stay sharp
however strong the astigmatism.

**Resolution of the fit** by the rule of CTFFIND 4.1: the curve is compared with the fit in a window
that moves along the frequency, and the fit is believed up to where their correlation falls below
`CORRELATION_THRESHOLD` = 0.5. Our window holds one ring to either side (at least
`WINDOW_LEAST_BINS` bins); in it, the parabola of both is taken out. The comparison begins at the
first zero, as the steep background hides the ring before it, and ends where rings are narrower than
two bins.

**Ice ring**: the mean amplitude between 0.25 and 0.28 1/Å (the band that RELION sums) over what the
flanks on both sides let expect there. 1 is no ring at all; crystalline ice gives more. It is a
measure of ice crystals, not of thickness.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.ctf_formula import (
    MM_IN_ANGSTROM,
    Defocus,
    Optics,
    constant_turns,
    defocus_coefficient,
    ring_turns,
)
from cryobatch.imaging.ctf_pixels import centred_grid

CORRELATION_THRESHOLD = 0.5
WINDOW_LEAST_BINS = 6
FIRST_BIN = 3
GOOD_BINS_BEFORE = 3
ICE_BAND = (0.25, 0.28)
ICE_FLANKS = ((0.215, 0.24), (0.29, 0.315))


@dataclass(frozen=True, slots=True)
class CtfCurve:
    """One number a bin of frequency, all ``(bins,)`` float64.

    Attributes:
        frequency: 1/Å.
        rotational: Mean amplitude on circles.
        average: Mean amplitude along rings (equal to ``rotational`` without a fit).
        fit: |CTF| of the fit at the mean defocus (0 without a fit).
        turns: Phase of the fit, chi / pi: a zero at each whole number (0 without a fit).
        correlation: Of ``average`` and ``fit`` in a window around the bin (0 where not compared).
    """

    frequency: FloatArray
    rotational: FloatArray
    average: FloatArray
    fit: FloatArray
    turns: FloatArray
    correlation: FloatArray


def rotational_curve(spectrum: ImageArray, pixel_size_angstrom: float) -> CtfCurve:
    """Return the curve of a centred amplitude spectrum for which there is no fit."""
    size = spectrum.shape[0]
    x, y = centred_grid(size)
    rotational = _average(spectrum, np.hypot(x, y))
    frequency = np.arange(rotational.size) / (size * pixel_size_angstrom)
    nothing = np.zeros_like(frequency)
    return CtfCurve(frequency, rotational, rotational, nothing, nothing, nothing)


def fitted_curve(
    spectrum: ImageArray, pixel_size_angstrom: float, defocus: Defocus, optics: Optics
) -> CtfCurve:
    """Return the curve of a centred amplitude spectrum and its fit."""
    plain = rotational_curve(spectrum, pixel_size_angstrom)
    average = equi_phase_average(spectrum, pixel_size_angstrom, defocus, optics)
    turns = ring_turns(plain.frequency, defocus.mean_angstrom, optics) + defocus.phase_shift_turns
    return CtfCurve(
        frequency=plain.frequency,
        rotational=plain.rotational,
        average=average,
        fit=np.abs(np.sin(np.pi * turns)),
        turns=turns,
        correlation=_windowed_correlation(average, turns),
    )


def equi_phase_average(
    spectrum: ImageArray, pixel_size_angstrom: float, defocus: Defocus, optics: Optics
) -> FloatArray:
    """Return ``(bins,)``: the mean amplitude along rings, one bin a pixel of radius."""
    size = spectrum.shape[0]
    x, y = centred_grid(size)
    step = 1.0 / (size * pixel_size_angstrom)
    frequency = np.hypot(x, y) * step
    double = 2.0 * np.arctan2(y, x)
    local = (
        defocus.mean_angstrom
        + defocus.cosine_angstrom * np.cos(double)
        + defocus.sine_angstrom * np.sin(double)
    )
    turns = defocus_coefficient(frequency, optics) * local + constant_turns(frequency, optics)
    same = frequency_of_turns(turns, defocus.mean_angstrom, optics)
    return _average(spectrum, np.where(np.isfinite(same), same, frequency) / step)


def frequency_of_turns(turns: FloatArray, defocus_angstrom: float, optics: Optics) -> FloatArray:
    """Return where a CTF without astigmatism reaches these turns, 1/Å.

    It solves ``turns = a s² - b s⁴ + amplitude turns`` for the rising branch of the phase.

    Returns:
        Same shape; not a number beyond the frequency at which the aberration turns the phase back.
    """
    linear = optics.wavelength_angstrom * defocus_angstrom
    quartic = optics.wavelength_angstrom**3 * optics.cs_mm * MM_IN_ANGSTROM / 2.0
    rest = np.maximum(turns - optics.amplitude_turns, 0.0)
    if defocus_angstrom <= 0.0:
        return np.full_like(turns, np.nan)
    inner = linear * linear - 4.0 * quartic * rest
    with np.errstate(invalid="ignore"):
        square = 2.0 * rest / (linear + np.sqrt(np.where(inner >= 0.0, inner, np.nan)))
    return np.sqrt(square)


def fit_resolution(curve: CtfCurve, resolution_low_angstrom: float) -> float:
    """Return up to which resolution (Å) curve and fit agree.

    Args:
        curve: With a fit.
        resolution_low_angstrom: Nothing coarser is looked at.

    Returns:
        Infinite where they do not agree in the first ring and a half that is looked at.
    """
    start, latest = _first_rings(curve, resolution_low_angstrom)
    good, last = 0, math.nan
    for bin_ in range(start, curve.frequency.size):
        if curve.correlation[bin_] >= CORRELATION_THRESHOLD:
            good, last = good + 1, float(curve.frequency[bin_])
        elif good > GOOD_BINS_BEFORE or bin_ > latest:
            break
    return 1.0 / last if good > GOOD_BINS_BEFORE else math.inf


def _first_rings(curve: CtfCurve, resolution_low_angstrom: float) -> tuple[int, int]:
    """Return the bin of the first zero to look at, and that one and a half rings later."""
    begin = max(curve.turns[0] + 0.5, 1.0)
    inside = curve.frequency >= 1.0 / resolution_low_angstrom
    start = int(np.argmax(inside & (curve.turns >= begin)))
    latest = int(np.argmax(curve.turns >= curve.turns[start] + 1.5))
    return start, latest or curve.turns.size


def ice_ring(curve: CtfCurve) -> float | None:
    """Return how much higher the amplitude at 0.25 to 0.28 1/Å is than its surroundings.

    Returns:
        1 for no ring; None where the spectrum does not reach that far.
    """
    level = np.log(np.maximum(curve.rotational, 1e-30))
    inside = _between(curve.frequency, *ICE_BAND)
    flanks = [_between(curve.frequency, *flank) for flank in ICE_FLANKS]
    if curve.frequency[-1] < ICE_FLANKS[1][1] or not all(part.any() for part in (inside, *flanks)):
        return None
    heights = [float(level[flank].mean()) for flank in flanks]
    places = [float(curve.frequency[flank].mean()) for flank in flanks]
    expected = np.exp(np.interp(curve.frequency[inside], places, heights))
    return float(curve.rotational[inside].mean() / expected.mean())


def _between(frequency: FloatArray, low: float, high: float) -> NDArray[np.bool_]:
    return (frequency >= low) & (frequency <= high)


def _average(spectrum: ImageArray, radius: FloatArray) -> FloatArray:
    """Average pixels by radius, each shared between the two bins next to it."""
    bins = spectrum.shape[0] // 2
    lower = np.minimum(radius.astype(np.intp), bins).ravel()
    share = (radius.ravel() - lower).clip(0.0, 1.0)
    values = spectrum.ravel()
    total = np.zeros(bins + 2)
    weight = np.zeros(bins + 2)
    for place, part in ((lower, 1.0 - share), (lower + 1, share)):
        total += np.bincount(place, part * values, minlength=bins + 2)
        weight += np.bincount(place, part, minlength=bins + 2)
    average: FloatArray = total[:bins] / np.maximum(weight[:bins], 1e-12)
    return average


def _windowed_correlation(average: FloatArray, turns: FloatArray) -> FloatArray:
    rate = np.abs(np.gradient(turns))
    level = np.log(np.maximum(average, 1e-30))
    model = -np.cos(2.0 * np.pi * turns)
    result = np.zeros_like(average)
    for centre in range(FIRST_BIN, average.size):
        if rate[centre] >= 0.5:
            break
        half = int(np.clip(1.0 / max(rate[centre], 1e-6), WINDOW_LEAST_BINS, average.size // 4))
        window = slice(max(FIRST_BIN, centre - half), min(average.size, centre + half + 1))
        result[centre] = _correlation(_level(level[window]), _level(model[window]))
    return result


def _level(values: FloatArray) -> FloatArray:
    shapes = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, values.size), 2)
    orthonormal = np.linalg.qr(shapes)[0]
    level: FloatArray = values - orthonormal @ (orthonormal.T @ values)
    return level


def _correlation(first: FloatArray, second: FloatArray) -> float:
    length = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / length if length > 0.0 else 0.0
