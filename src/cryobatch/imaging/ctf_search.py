"""Find the defocus, astigmatism and phase shift that explain a spectrum best.

The best few of the coarse search (`cryobatch.imaging.ctf_coarse`) are moved on the pixels
themselves until nothing improves; the best of them wins.
"""

import math

import numpy as np
import scipy.optimize

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.ctf_candidate import Candidate, SearchRange
from cryobatch.imaging.ctf_coarse import coarse_candidates, ring_law, ring_table
from cryobatch.imaging.ctf_formula import Defocus
from cryobatch.imaging.ctf_pixels import RingPixels
from cryobatch.imaging.ctf_score import LEAST_KEPT, partial_correlation


def score(pixels: RingPixels, defocus: Defocus) -> float:
    """Return the partial correlation of a spectrum and a defocus, -1 to 1."""
    return float(
        partial_correlation(
            np.float32(defocus.mean_angstrom),
            np.float32(defocus.cosine_angstrom),
            np.float32(defocus.sine_angstrom),
            np.float32(defocus.phase_shift_turns),
            pixels.geometry,
            pixels.data,
            pixels.background,
            LEAST_KEPT,
        )
    )


def search(pixels: RingPixels, limits: SearchRange) -> Candidate:
    """Return the best defocus within limits (its parts may end a step outside)."""
    rings = ring_table(pixels)
    coarse = coarse_candidates(rings, ring_law(rings), limits)
    return max((refine(pixels, one, limits) for one in coarse), key=lambda one: one.score)


def refine(pixels: RingPixels, start: Candidate, limits: SearchRange) -> Candidate:
    """Move a candidate uphill (Nelder-Mead simplex; 100 Å and a tenth of a turn as units)."""
    first = start.defocus
    origin = [first.mean_angstrom / 100, first.cosine_angstrom / 100, first.sine_angstrom / 100]
    if limits.searches_phase:
        origin.append(first.phase_shift_turns * 10)

    def loss(place: FloatArray) -> float:
        return _restraint(pixels, place, limits) - score(pixels, _placed(place, first))

    simplex = np.array(origin) + np.vstack([np.zeros(len(origin)), 0.8 * np.eye(len(origin))])
    options = {"initial_simplex": simplex, "xatol": 0.02, "fatol": 1e-5, "maxfev": 60 * len(origin)}
    found = scipy.optimize.minimize(loss, simplex[0], method="Nelder-Mead", options=options)
    defocus = _placed(found.x, first)
    return Candidate(defocus, score(pixels, defocus))


def _placed(place: FloatArray, first: Defocus) -> Defocus:
    phase = float(place[3]) / 10 if len(place) > 3 else first.phase_shift_turns
    mean, cosine, sine = (float(value) * 100.0 for value in place[:3])
    return Defocus(mean, cosine, sine, phase)


def _restraint(pixels: RingPixels, place: FloatArray, limits: SearchRange) -> float:
    astigmatism = 2.0 * 100.0 * math.hypot(place[1], place[2])
    relative = astigmatism / limits.astigmatism_restraint_angstrom
    return relative * relative / (2.0 * pixels.data.size)
