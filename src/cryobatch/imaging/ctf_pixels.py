"""The pixels of a spectrum that a CTF fit looks at, freed from everything that is no ring.

Amplitudes fall over decades and are noisy in proportion to themselves. Their logarithm turns both
into something simple: a smooth background to be added, and noise that is the same everywhere. The
background is a polynomial of the frequency and, as drift and detectors are not the same in all
directions, a gentler one times cos and sin of the double direction.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.ctf_formula import Optics, constant_turns, defocus_coefficient

LEAST_SIZE = 64
LEAST_PIXELS = 400
NYQUIST_MARGIN = 1.02
AXIS_HALF_WIDTH = 1
RADIAL_ORDER = 5
ANGULAR_ORDER = 2
OUTLIER_DEVIATIONS = 4.0
_GAUSSIAN_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class RingPixels:
    """Half of the pixels (the other half mirrors them) between two resolutions.

    Attributes:
        frequency: ``(pixels,)`` 1/Å.
        direction: ``(pixels,)`` radians from x towards y.
        ring: ``(pixels,)`` whole radius in pixels of the spectrum.
        step: Frequency of one pixel of the spectrum, 1/Å.
        geometry: ``(5, pixels)`` as `cryobatch.imaging.ctf_score.partial_correlation` takes it.
        data: ``(pixels,)`` float32, background taken out, length 1; all 0 if nothing was left.
        background: ``(shapes, pixels)`` float32, orthonormal.
        optics: The microscope.
    """

    frequency: FloatArray
    direction: FloatArray
    ring: NDArray[np.intp]
    step: float
    geometry: ImageArray
    data: NDArray[np.float32]
    background: ImageArray
    optics: Optics

    @property
    def is_flat(self) -> bool:
        """Whether nothing but background was there."""
        return not self.data.any()


def ring_pixels(
    spectrum: ImageArray,
    pixel_size_angstrom: float,
    optics: Optics,
    resolution_low_angstrom: float,
    resolution_high_angstrom: float,
) -> RingPixels:
    """Select and flatten the pixels of a centred amplitude spectrum.

    Raises:
        BadInput: The spectrum is not square, is too small, holds values that are no numbers, or the
            resolutions leave nothing of it.
    """
    check_spectrum(spectrum)
    size = spectrum.shape[0]
    step = 1.0 / (size * pixel_size_angstrom)
    x, y = centred_grid(size)
    radius = np.hypot(x, y)
    high = max(resolution_high_angstrom, 2.0 * pixel_size_angstrom * NYQUIST_MARGIN)
    inside = (radius * step >= 1.0 / resolution_low_angstrom) & (radius * step <= 1.0 / high)
    inside &= (y > AXIS_HALF_WIDTH) & (np.abs(x) > AXIS_HALF_WIDTH)
    if np.count_nonzero(inside) < LEAST_PIXELS:
        raise BadInput(
            f"the spectrum of {size} x {size} pixels of {pixel_size_angstrom:.3f} Å has too little "
            f"between {resolution_low_angstrom:g} and {high:.3g} Å for a CTF fit: "
            "take a larger box, a smaller pixel or a wider range of resolution"
        )
    direction = np.arctan2(y[inside], x[inside]).astype(np.float64)
    frequency = radius[inside] * step
    background = background_shapes(frequency, direction)
    return RingPixels(
        frequency=frequency,
        direction=direction,
        ring=np.rint(radius[inside]).astype(np.intp),
        step=step,
        geometry=_geometry(frequency, direction, step, optics),
        data=flatten(spectrum[inside].astype(np.float64), background),
        background=background.astype(np.float32),
        optics=optics,
    )


def check_spectrum(spectrum: ImageArray) -> None:
    """Raise `BadInput` unless this can be a centred amplitude spectrum."""
    if spectrum.ndim != 2 or spectrum.shape[0] != spectrum.shape[1]:
        shape = " x ".join(str(length) for length in spectrum.shape)
        raise BadInput(f"a square amplitude spectrum is needed, this one is {shape}")
    if spectrum.shape[0] < LEAST_SIZE:
        raise BadInput(
            f"the spectrum is {spectrum.shape[0]} pixels wide, at least {LEAST_SIZE} are needed: "
            "take a larger box"
        )
    strange = int(spectrum.size - np.count_nonzero(np.isfinite(spectrum)))
    if strange:
        raise BadInput(
            f"{strange} of {spectrum.size} pixels of the spectrum are no numbers: "
            "the image that it was made of is damaged"
        )


def centred_grid(size: int) -> tuple[FloatArray, FloatArray]:
    """Return x and y of every pixel, counted from the zero frequency at ``size // 2``."""
    line = np.arange(size, dtype=np.float64) - size // 2
    x, y = np.meshgrid(line, line)
    return x, y


def background_shapes(frequency: FloatArray, direction: FloatArray) -> FloatArray:
    """Return ``(shapes, pixels)`` float64, orthonormal."""
    low, high = frequency.min(), frequency.max()
    place = 2.0 * (frequency - low) / (high - low) - 1.0
    radial = np.polynomial.chebyshev.chebvander(place, RADIAL_ORDER)
    gentle = radial[:, : ANGULAR_ORDER + 1]
    double = 2.0 * direction[:, None]
    shapes = np.hstack([radial, gentle * np.cos(double), gentle * np.sin(double)])
    orthonormal: FloatArray = np.linalg.qr(shapes)[0].T
    return np.ascontiguousarray(orthonormal)


def flatten(amplitude: FloatArray, background: FloatArray) -> NDArray[np.float32]:
    """Return the logarithm of amplitudes without background and outliers, with length 1."""
    typical = float(np.median(amplitude))
    if typical <= 0.0:
        return np.zeros(amplitude.size, np.float32)
    level = np.log(np.maximum(amplitude / typical, 1e-3))
    for _ in range(2):
        rest = level - background.T @ (background @ level)
        limit = OUTLIER_DEVIATIONS * _GAUSSIAN_MAD * float(np.median(np.abs(rest)))
        level -= rest - np.clip(rest, -limit, limit)
    rest = level - background.T @ (background @ level)
    length = math.sqrt(float(rest @ rest))
    if length < 1e-9 * math.sqrt(amplitude.size):
        return np.zeros(amplitude.size, np.float32)
    return (rest / length).astype(np.float32)


def _geometry(
    frequency: FloatArray, direction: FloatArray, step: float, optics: Optics
) -> ImageArray:
    rows = (
        np.cos(2.0 * direction),
        np.sin(2.0 * direction),
        defocus_coefficient(frequency, optics),
        constant_turns(frequency, optics),
        2.0 * optics.wavelength_angstrom * frequency * step,
    )
    return np.ascontiguousarray(np.stack(rows), dtype=np.float32)
