"""Radiation damage by dose and frequency, as Grant & Grigorieff measured it.

Grant & Grigorieff, eLife 4:e06980 (2015), equations 3 to 9. The critical exposure at spatial
frequency k (1/Å) and 300 kV is ``N_c(k) = 0.245 k**-1.665 + 2.81`` e/Å²; at 200 kV it is 0.8 of
that (their figure), at 100 kV 0.64 (MotionCor2's and RELION's number). A frame at an accumulated
dose N is weighted by ``q = exp(-N / (2 N_c))``, and the weighted sum is divided by
``sqrt(sum q²)``, which keeps the noise white and that of one frame.

Like RELION, N is the dose *after* the frame; others take it at the frame's middle.

Weights fall exponentially with the dose at every frequency, each at its own pace. Such curves are
alike enough to be sums of a few common ones: a movie's weighted sum at all frequencies follows from
a handful of weighted sums of whole frames.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray

CRITICAL_AMPLITUDE = 0.245
CRITICAL_EXPONENT = -1.665
CRITICAL_OFFSET = 2.81
_VOLTAGES_KV = (100.0, 200.0, 300.0)
_SENSITIVITY = (0.64, 0.8, 1.0)
_LEFT_OUT = 1e-2
"""Loses less than 0.0006 of the signal against noise at any frequency, and no mean amplitude."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a movie was exposed.

    Attributes:
        dose_per_frame: e/Å² a frame.
        pre_exposure: e/Å² before the first frame.
        voltage_kv: Acceleration voltage.
    """

    dose_per_frame: float
    pre_exposure: float = 0.0
    voltage_kv: float = 300.0

    def after_frame(self, index: int) -> float:
        """Return the dose (e/Å²) that the specimen has had when frame ``index`` (from 0) ends."""
        return self.pre_exposure + self.dose_per_frame * (index + 1)

    def weights(self, index: int, frequency_per_angstrom: FloatArray) -> FloatArray:
        """Return q of a frame at frequencies (1/Å); 1 at zero frequency."""
        critical = critical_exposure(frequency_per_angstrom, self.voltage_kv)
        return np.exp(-0.5 * self.after_frame(index) / critical)


@dataclass(frozen=True, slots=True)
class WeightBasis:
    """Weights of frames as sums of products of a function of the frame and one of the frequency.

    Attributes:
        in_time: ``(terms, frames)`` float64; the first term is 1.
        in_space: ``(terms, frequencies)`` float32. The product of both is q / sqrt(sum q²).
    """

    in_time: FloatArray
    in_space: ImageArray


def weight_basis(
    exposure: Exposure, frames: int, frequency_per_angstrom: FloatArray
) -> WeightBasis:
    """Split the normalised weights of all frames into few terms, 0.01 of their norm off (rms).

    Args:
        exposure: How the movie was exposed.
        frames: How many it has.
        frequency_per_angstrom: ``(frequencies,)``, 1/Å.
    """
    weights = np.stack([exposure.weights(index, frequency_per_angstrom) for index in range(frames)])
    weights /= np.sqrt(np.maximum((weights**2).sum(axis=0), 1e-30))
    alike = weights.mean(axis=0)
    varying = weights - alike
    # The frequencies are many, the frames few: eigenvectors of the small matrix.
    values, vectors = np.linalg.eigh(varying @ varying.T)
    left_out = np.cumsum(np.maximum(values, 0.0))
    first = int(np.searchsorted(left_out, _LEFT_OUT**2 * frequency_per_angstrom.size))
    terms = vectors[:, first:].T
    in_time = np.concatenate([np.ones((1, frames)), terms * np.sqrt(frames)])
    in_space = np.concatenate([alike[None], terms @ varying / np.sqrt(frames)])
    return WeightBasis(in_time, in_space.astype(np.float32))


def voltage_factor(voltage_kv: float) -> float:
    """Return by how much N_c is scaled at a voltage (1 at 300 kV; linear between 100, 200, 300)."""
    return float(np.interp(voltage_kv, _VOLTAGES_KV, _SENSITIVITY))


def critical_exposure(frequency_per_angstrom: FloatArray, voltage_kv: float = 300.0) -> FloatArray:
    """Return the dose (e/Å²) at which a frequency's amplitude has fallen to e**-0.5.

    Args:
        frequency_per_angstrom: Spatial frequencies, 1/Å; zero gives infinity.
        voltage_kv: Acceleration voltage.
    """
    with np.errstate(divide="ignore"):
        curve = CRITICAL_AMPLITUDE * frequency_per_angstrom**CRITICAL_EXPONENT + CRITICAL_OFFSET
    return np.asarray(curve * voltage_factor(voltage_kv), dtype=np.float64)
