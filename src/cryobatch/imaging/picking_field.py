"""A micrograph as the picker works on it: small, in robust units, particles bright."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy import ndimage

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation, grow
from cryobatch.imaging.fourier import forward, inverse

_BACKGROUND_SMOOTHING = 1.0
_OUTLIER_DEVIATIONS = 6.0
_OUTLIER_PIXEL = 50.0
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class WorkingField:
    """A micrograph shrunk to a working pixel.

    Attributes:
        image: ``(rows, columns)`` float32, median 0, deviation 1, particles positive; not limited.
        missing: ``(rows, columns)`` bool, where the micrograph holds no numbers.
        scale: Micrograph pixels a working pixel, along x and y.
    """

    image: ImageArray
    missing: MaskArray
    scale: tuple[float, float]

    def limited(self) -> ImageArray:
        """Return the image with outliers cut to six deviations."""
        return np.clip(self.image, -_OUTLIER_DEVIATIONS, _OUTLIER_DEVIATIONS)

    def micrograph_pixels(self, points: FloatArray) -> FloatArray:
        """Return ``(n, 2)`` x and y in micrograph pixels; Fourier cropping keeps pixel (0, 0)."""
        return points * np.array(self.scale)


def working_field(
    micrograph: ImageArray, shrink: float, *, light: bool = False, threads: int = 1
) -> WorkingField | None:
    """Shrink a micrograph by Fourier cropping.

    Args:
        micrograph: ``(rows, columns)``; pixels that are not finite are filled and marked.
        shrink: By how much; never enlarged.
        light: Whether particles are lighter than what is around them.
        threads: Threads of the transforms.

    Returns:
        None where nothing can be seen: no finite pixel, or all alike.
    """
    image, missing = _finite(micrograph)
    if image is None:
        return None
    small = _fourier_crop(image, max(shrink, 1.0), threads)
    spread = deviation(small)
    if spread < _TINY * max(1.0, float(np.abs(small).max())):
        return None
    small = (small - np.median(small)) * np.float32((1.0 if light else -1.0) / spread)
    scale = (image.shape[1] / small.shape[1], image.shape[0] / small.shape[0])
    return WorkingField(small, _shrunk_mask(missing, small.shape, scale), scale)


def flatten(image: ImageArray, excluded: MaskArray, diameter_px: float) -> ImageArray:
    """Take out the background (a Gaussian of the particle's diameter); excluded places become 0."""
    sigma = _BACKGROUND_SMOOTHING * diameter_px
    if not excluded.any():
        return image - ndimage.gaussian_filter(image, sigma)
    used = (~excluded).astype(np.float32)
    weight = np.maximum(ndimage.gaussian_filter(used, sigma), np.float32(1e-3))
    background = ndimage.gaussian_filter(image * used, sigma) / weight
    return (image - background) * used


def _finite(micrograph: ImageArray) -> tuple[ImageArray | None, MaskArray]:
    """Return the image without its missing, hot and dead pixels, and where numbers are missing."""
    image = np.asarray(micrograph, dtype=np.float32)
    missing = ~np.isfinite(image)
    if missing.all():
        return None, missing
    known = image[~missing] if missing.any() else image
    middle, spread = np.median(known), deviation(known)
    if spread == 0.0 and known.std() == 0.0:
        return None, missing
    reach = np.float32(_OUTLIER_PIXEL * (spread or float(known.std())))
    filled = np.where(missing, middle, image)
    return np.clip(filled, middle - reach, middle + reach), missing


def _fourier_crop(image: ImageArray, shrink: float, threads: int) -> ImageArray:
    """Return the image with ``1 / shrink`` of its pixels a side, mean kept."""
    rows, columns = (scipy.fft.next_fast_len(round(n / shrink), True) for n in image.shape)
    if rows >= image.shape[0] or columns >= image.shape[1]:
        return image
    spectrum = forward(image, threads)
    half = columns // 2 + 1
    upper, lower = (rows + 1) // 2, rows // 2
    cropped = np.concatenate([spectrum[:upper, :half], spectrum[-lower:, :half]])
    cropped *= np.float32(rows * columns / image.size)
    return inverse(cropped, (rows, columns), threads)


def _shrunk_mask(
    mask: MaskArray, shape: tuple[int, int], scale: tuple[float, float]
) -> MaskArray:
    if not mask.any():
        return np.zeros(shape, dtype=bool)
    y = np.minimum((np.arange(shape[0]) * scale[1]).astype(np.intp), mask.shape[0] - 1)
    x = np.minimum((np.arange(shape[1]) * scale[0]).astype(np.intp), mask.shape[1] - 1)
    near = grow(mask, max(scale))
    return near[np.ix_(y, x)]
