"""The picture of a spectrum that a person judges a CTF fit by: half measured, half fitted.

The left half is measured, each circle brought to the same mean and contrast; the right half is
|CTF| of the fit as far as it reaches. Without a fit all of it is measured. Row 0 is the first row
of the spectrum; how it is shown is the business of `cryobatch.imaging.thumbnail`.
"""

import numpy as np
import scipy.ndimage

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.ctf_formula import Defocus, Optics, transfer
from cryobatch.imaging.ctf_pixels import centred_grid

CONTRAST_DEVIATIONS = 2.5
BAND_BINS = 9
BLUR_PIXELS = 1.0


def spectrum_picture(
    spectrum: ImageArray,
    *,
    pixel_size_angstrom: float,
    optics: Optics | None = None,
    defocus: Defocus | None = None,
    resolution_angstrom: float = 0.0,
) -> ImageArray:
    """Draw a centred amplitude spectrum beside its fit.

    Args:
        spectrum: ``(size, size)``, zero frequency at ``size // 2``.
        pixel_size_angstrom: Of the image that has this spectrum.
        optics: The microscope, where there is a fit.
        defocus: The fit.
        resolution_angstrom: Up to where the fit is drawn; 0: to the edge.

    Returns:
        ``(size, size)`` float32 from 0 (black) to 1 (white).
    """
    size = spectrum.shape[0]
    x, y = centred_grid(size)
    radius = np.hypot(x, y)
    picture = _measured(spectrum, radius)
    if optics is None or defocus is None:
        return picture
    frequency = radius / (size * pixel_size_angstrom)
    fitted = np.abs(transfer(frequency, np.arctan2(y, x), defocus, optics))
    drawn = (x >= 0) & (frequency * resolution_angstrom <= 1.0)
    picture[drawn] = fitted[drawn]
    return picture


def _measured(spectrum: ImageArray, radius: FloatArray) -> ImageArray:
    """Bring every circle to mean 0.5 and the same contrast."""
    ring = np.rint(radius).astype(np.intp)
    level = np.log(np.maximum(spectrum.astype(np.float64), _least(spectrum)))
    count = np.maximum(np.bincount(ring.ravel()), 1)
    mean = np.bincount(ring.ravel(), level.ravel()) / count
    rest = level - mean[ring]
    variance = _smooth(np.bincount(ring.ravel(), np.square(rest).ravel()) / count)
    # Rings are seen against circles of their own neighbourhood: only its slow change is taken out.
    around = _smooth(mean)
    spread = np.sqrt(_smooth(np.square(mean - around)) + variance)
    scaled = (level - around[ring]) / np.maximum(spread[ring], 1e-12)
    seen = scipy.ndimage.gaussian_filter(scaled, BLUR_PIXELS)
    reach = 2.0 * CONTRAST_DEVIATIONS * max(float(seen.std()), 1e-12)
    picture: ImageArray = np.clip(0.5 + seen / reach, 0.0, 1.0).astype(np.float32)
    return picture


def _least(spectrum: ImageArray) -> float:
    positive = spectrum[spectrum > 0]
    return float(positive.min()) if positive.size else 1.0


def _smooth(values: FloatArray) -> FloatArray:
    window = max(BAND_BINS, values.size // 16) | 1
    padded = np.pad(values, window // 2, mode="reflect")
    smooth: FloatArray = np.convolve(padded, np.ones(window) / window, mode="valid")
    return smooth
