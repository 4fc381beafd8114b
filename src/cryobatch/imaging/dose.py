"""Radiation damage by dose and frequency, as Grant & Grigorieff measured it.

Grant & Grigorieff, eLife 4:e06980 (2015), equations 3 to 9. The critical exposure at spatial
frequency k (1/Å) and 300 kV is ``N_c(k) = 0.245 k**-1.665 + 2.81`` e/Å²; at 200 kV it is 0.8 of
that (their figure), at 100 kV 0.64 (RELION's and MotionCor2's number). A frame that ends at an
accumulated dose N is weighted by ``q = exp(-N / (2 N_c))``, and the weighted sum is divided by
``sqrt(sum q²)``, which keeps the noise white.

Like RELION, N is the dose *after* the frame, not at its middle.
"""

import math

import numpy as np

from cryobatch.imaging.arrays import FloatArray

CRITICAL_AMPLITUDE = 0.245
CRITICAL_EXPONENT = -1.665
CRITICAL_OFFSET = 2.81
_VOLTAGES_KV = (100.0, 200.0, 300.0)
_SENSITIVITY = (0.64, 0.8, 1.0)


def voltage_factor(voltage_kv: float) -> float:
    """Return by how much N_c is scaled at a voltage (1 at 300 kV; linear between 100, 200, 300)."""
    return float(np.interp(voltage_kv, _VOLTAGES_KV, _SENSITIVITY))


def critical_exposure(frequency_per_angstrom: float, voltage_kv: float = 300.0) -> float:
    """Return the dose (e/Å²) at which a frequency's signal has fallen by the factor e**-0.5.

    Args:
        frequency_per_angstrom: Spatial frequency, 1/Å; zero gives infinity.
        voltage_kv: Acceleration voltage.
    """
    if frequency_per_angstrom <= 0.0:
        return math.inf
    curve = CRITICAL_AMPLITUDE * frequency_per_angstrom**CRITICAL_EXPONENT + CRITICAL_OFFSET
    return float(curve * voltage_factor(voltage_kv))


def accumulated_dose(
    frames: int, dose_per_frame: float, pre_exposure: float = 0.0
) -> FloatArray:
    """Return ``(frames,)`` float64: the dose (e/Å²) the specimen has had when each frame ends."""
    return pre_exposure + dose_per_frame * np.arange(1, frames + 1, dtype=np.float64)
