"""How far a fitted defocus may be off, as told by the spectrum that it was fitted to.

Every part of the spectrum would like the defocus moved a little, this way or that. How much the
parts differ tells how uncertain their sum is (the sandwich estimator of White, Econometrica 48:817
(1980), in clusters)::

    covariance = H⁻¹ (sum over parts of g gᵀ) H⁻¹

with ``g`` a part's pull, the product of residual and derivatives of the model, and ``H`` the sum of
the derivatives' products. Neighbouring pixels of a spectrum are not independent, so parts are
large: directions, which differ where an image is drifted, and rings, which differ where the
background is not what was thought; the variances of both are added. What was found on simulated
images lay further off than that by `CALIBRATION`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.ctf_coarse import sectors_of
from cryobatch.imaging.ctf_formula import Defocus
from cryobatch.imaging.ctf_pixels import RingPixels

PARTS = 12
CALIBRATION = 1.5


@dataclass(frozen=True, slots=True)
class CtfErrors:
    """Standard errors of a fit: mean defocus, vector of u - v, phase shift (0 where not fitted)."""

    defocus_angstrom: float
    astigmatism_angstrom: float
    phase_shift_degrees: float


def standard_errors(pixels: RingPixels, defocus: Defocus, *, phase: bool) -> CtfErrors:
    """Estimate the errors of the best defocus of a spectrum.

    Args:
        pixels: The spectrum.
        defocus: What was found in it.
        phase: Whether the phase shift was fitted too.
    """
    rows = _without_background(pixels, _model_and_slopes(pixels, defocus, phase))
    model = rows[0]
    scale = float(pixels.data @ model) / max(float(model @ model), 1e-12)
    slopes = rows[1:] * scale
    pull = slopes * (pixels.data - scale * model)
    unit = np.sqrt(np.square(slopes).sum(axis=1))
    inverse = np.linalg.pinv((slopes / unit[:, None]) @ (slopes / unit[:, None]).T)
    parts = (sectors_of(pixels, PARTS), _bands(pixels.frequency))
    spread = sum(_spread(pull / unit[:, None], part) for part in parts)
    variance = CALIBRATION**2 * np.diag(inverse @ spread @ inverse) / unit**2
    mean, cosine, sine, turns = (*variance, 0.0)[:4]
    return CtfErrors(math.sqrt(mean), 2.0 * math.sqrt(cosine + sine), 180.0 * math.sqrt(turns))


def _model_and_slopes(pixels: RingPixels, defocus: Defocus, phase: bool) -> FloatArray:
    """Return ``(parameters + 1, pixels)``: the model of `ctf_score`, and its derivatives."""
    cosine, sine, per_angstrom, constant, per_pixel = pixels.geometry.astype(np.float64)
    local = defocus.mean_angstrom + defocus.cosine_angstrom * cosine + defocus.sine_angstrom * sine
    angle = 2.0 * np.pi * (per_angstrom * local + constant + defocus.phase_shift_turns)
    rate = np.abs(per_pixel * local)
    fade = np.where(rate < 1.0, np.sinc(rate), 0.0)
    by_turn = 2.0 * np.pi * fade * np.sin(angle)
    by_mean = by_turn * per_angstrom
    rows = [-fade * np.cos(angle), by_mean, by_mean * cosine, by_mean * sine]
    return np.stack([*rows, by_turn] if phase else rows)


def _without_background(pixels: RingPixels, rows: FloatArray) -> FloatArray:
    rest: FloatArray = rows - (rows @ pixels.background.T) @ pixels.background
    return rest


def _bands(frequency: FloatArray) -> NDArray[np.intp]:
    """Return which of `PARTS` bands of equally many pixels each frequency is in."""
    limits = np.quantile(frequency, np.linspace(0.0, 1.0, PARTS + 1)[1:-1])
    band: NDArray[np.intp] = np.searchsorted(limits, frequency)
    return band


def _spread(pull: FloatArray, part: NDArray[np.intp]) -> FloatArray:
    """Return the sum over parts of the products of their pulls."""
    sums = np.stack([np.bincount(part, row, minlength=PARTS) for row in pull])
    sums -= sums.mean(axis=1, keepdims=True)
    return np.asarray(sums @ sums.T * (PARTS / (PARTS - 1.0)), np.float64)
