"""Whether a best fit shows Thon rings at all, or only the best excuse for something else.

A search always finds a best defocus. What noise, drift, an ice ring or the form of a particle give
was simulated; each question below is one that all real and simulated micrographs with rings pass
and at least one of those fails.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.ctf_candidate import Candidate, SearchRange
from cryobatch.imaging.ctf_coarse import (
    RingLaw,
    RingTable,
    coarse_candidates,
    ring_law,
    sectors_of,
)
from cryobatch.imaging.ctf_formula import Defocus
from cryobatch.imaging.ctf_halves import disagreement_turns
from cryobatch.imaging.ctf_pixels import RingPixels
from cryobatch.imaging.ctf_score import fill_model

NOISE_DEVIATIONS = 10.0
"""Pure noise reached 9 / sqrt(pixels) as its best score of all defoci."""

NOISE_DEVIATIONS_PER_ANGSTROM = 0.002
"""The more astigmatism, the more directions of it there are to choose from. What was left of the
rings of drifted images reached 11 to 12 with 1,700 to 3,500 Å of a wrong one."""

SURE_DEVIATIONS = 20.0
"""The form of particles without a contrast transfer function reached 13."""

LARGEST_RELATIVE_ASTIGMATISM = 0.7
"""The streaks of a drifted image look like a CTF whose u - v is about its mean."""

SECTORS = 12
LEAST_SECTORS = 10
LEAST_SHARE_OF_A_SECTOR = 0.2
LEAST_DEVIATIONS_OF_THE_REST = 5.0
LEAST_RINGS_FOR_DECOY = 3.5
LARGEST_DECOY_SHARE = 1.0
LARGEST_DISAGREEMENT_TURNS = 0.15
"""Halves of images with rings reached 0.07 (drifted ones 0.12), wrong fits to drifted ones began at
0.36."""
RANGE_TOLERANCE = 0.1
WIDEST_ANGSTROM = 150_000.0
"""Defocus up to which is looked once more before a spectrum is said to have no rings."""


def find_doubt(
    pixels: RingPixels, best: Candidate, rings: RingTable, limits: SearchRange
) -> str | None:
    """Return why the best fit shows no Thon rings, or None where it does."""
    needed = _needed_score(pixels, best.defocus)
    low, high = limits.defocus_low_angstrom, limits.defocus_high_angstrom
    mean = best.defocus.mean_angstrom
    if best.score < needed:
        doubt = f"its best score {best.score:.3f} is what noise gives (below {needed:.3f})"
    elif not (1.0 - RANGE_TOLERANCE) * low <= mean <= (1.0 + RANGE_TOLERANCE) * high:
        return f"the best defocus {mean:.0f} Å lies outside the search of {low:.0f} to {high:.0f} Å"
    else:
        shape = _find_wrong_shape(pixels, best, rings, limits)
        if shape is None:
            return None
        doubt = shape
    return doubt + _hint_outside(rings, limits, max(needed, best.score))


def _needed_score(pixels: RingPixels, defocus: Defocus) -> float:
    astigmatism = 2.0 * defocus.half_difference_angstrom
    deviations = NOISE_DEVIATIONS + NOISE_DEVIATIONS_PER_ANGSTROM * astigmatism
    return deviations / math.sqrt(pixels.data.size)


def _hint_outside(rings: RingTable, limits: SearchRange, least_score: float) -> str:
    """Say where rings are beyond the search, if there are any.

    Below it nothing is said: the few rings of a very low defocus look like much else.
    """
    low, high = limits.defocus_low_angstrom, limits.defocus_high_angstrom
    wide = replace(limits, defocus_high_angstrom=max(high, WIDEST_ANGSTROM))
    found = coarse_candidates(rings, ring_law(rings), wide)[0]
    mean = found.defocus.mean_angstrom
    if found.score < least_score or mean <= high:
        return ""
    return f"; there may be rings of {mean:.0f} Å, outside the search of {low:.0f} to {high:.0f} Å"


def _find_wrong_shape(
    pixels: RingPixels, best: Candidate, rings: RingTable, limits: SearchRange
) -> str | None:
    mean = best.defocus.mean_angstrom
    if 2.0 * best.defocus.half_difference_angstrom > LARGEST_RELATIVE_ASTIGMATISM * mean:
        return "what it has is streaked, as drift makes it, and no set of rings"
    model = model_pixels(pixels, best.defocus)
    directions = directions_with_rings(pixels, model)
    if directions < LEAST_SECTORS:
        return f"rings in {directions} of {SECTORS} directions only, as drift makes it"
    if deviations_without_best_ring(pixels, model, best.defocus) < LEAST_DEVIATIONS_OF_THE_REST:
        return "no more than one ring stands out (ice, or too weak a signal)"
    sure = best.score >= SURE_DEVIATIONS / math.sqrt(pixels.data.size)
    if not sure and decoy_share(rings, best, limits) > LARGEST_DECOY_SHARE:
        return "its rings are not spaced as those of a defocus"
    if disagreement_turns(pixels, limits) > LARGEST_DISAGREEMENT_TURNS:
        return "one half of its directions shows other rings than the other half"
    return None


def model_pixels(pixels: RingPixels, defocus: Defocus) -> FloatArray:
    """Return ``(pixels,)`` float64: the rings of a defocus less what the background can explain."""
    model = np.empty(pixels.data.size, np.float32)
    fill_model(
        np.float32(defocus.mean_angstrom),
        np.float32(defocus.cosine_angstrom),
        np.float32(defocus.sine_angstrom),
        np.float32(defocus.phase_shift_turns),
        pixels.geometry,
        model,
    )
    rest: FloatArray = (model - pixels.background.T @ (pixels.background @ model)).astype(
        np.float64
    )
    return rest


def directions_with_rings(pixels: RingPixels, model: FloatArray) -> int:
    """Count the sectors, of `SECTORS`, in which the model holds about as well as overall."""
    sector = sectors_of(pixels, SECTORS)
    products = np.bincount(sector, pixels.data * model, minlength=SECTORS)
    return int(np.count_nonzero(products > LEAST_SHARE_OF_A_SECTOR * products.mean()))


def deviations_without_best_ring(pixels: RingPixels, model: FloatArray, defocus: Defocus) -> float:
    """Return how far the agreement outside the best ring stands above chance, in deviations.

    The background is fitted again there, or it would carry the best ring into the others.
    """
    ring = _ring_numbers(pixels, defocus)
    products = np.bincount(ring, pixels.data * model)
    rest = ring != int(products.argmax())
    shapes = np.linalg.qr(pixels.background[:, rest].T)[0]
    data, fitted = pixels.data[rest].astype(np.float64), model[rest]
    data, fitted = (values - shapes @ (shapes.T @ values) for values in (data, fitted))
    lengths = math.sqrt(float(data @ data) * float(fitted @ fitted))
    return float(data @ fitted) / max(lengths, 1e-12) * math.sqrt(data.size)


def _ring_numbers(pixels: RingPixels, defocus: Defocus) -> NDArray[np.intp]:
    """Return which ring, between two zeros, each pixel is in, from 0 on."""
    cosine, sine, per_angstrom, constant = pixels.geometry[:4]
    local = defocus.mean_angstrom + defocus.cosine_angstrom * cosine + defocus.sine_angstrom * sine
    turns = per_angstrom * local + constant + defocus.phase_shift_turns
    number: NDArray[np.intp] = np.floor(turns).astype(np.intp)
    number -= number.min()
    return number


def decoy_share(rings: RingTable, best: Candidate, limits: SearchRange) -> float:
    """Return how well rings at equal distances explain the spectrum, as a share of the real score.

    Rings of a defocus lie denser with the frequency. Equal distances are what the form factor of a
    particle or a smear gives; with fewer than 3.5 rings the two cannot be told apart, and the
    answer is 0.
    """
    highest = float(rings.per_angstrom.max())
    if best.defocus.mean_angstrom * highest < LEAST_RINGS_FOR_DECOY:
        return 0.0
    middle = float(rings.frequency.mean())
    law = RingLaw(rings.per_angstrom * middle / rings.frequency, rings.constant)
    return coarse_candidates(rings, law, limits)[0].score / best.score
