"""A micrograph as the picker works on it: small, in robust units, particles bright."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cryobatch.imaging import fft
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.exclusion import MaskArray, deviation, middle
from cryobatch.imaging.smoothing import gaussian

_BACKGROUND_SMOOTHING = 1.0
_OUTLIER_DEVIATIONS = 6.0
_OUTLIER_PIXEL = 50.0
_BLOCK = 32
_PLANE_STEP = 4
_MASKED_SHARE = 0.25
_SAMPLE_PIXELS = 500_000
_LARGEST = 1e37
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class WorkingField:
    """A micrograph shrunk to a working pixel.

    Attributes:
        image: ``(rows, columns)`` float32, median 0, deviation 1, particles positive; not limited.
        missing: ``(rows, columns)`` bool, where the micrograph holds no numbers or is blank.
        scale: Micrograph pixels a working pixel, along x and y.
    """

    image: ImageArray
    missing: MaskArray
    scale: tuple[float, float]

    def limited(self) -> ImageArray:
        """Return the image with outliers cut to six deviations."""
        return limited(self.image)

    def level(self) -> ImageArray:
        """Return the image without its slope (ice may grow thicker from side to side)."""
        if self.missing.all():
            return np.zeros_like(self.image)
        level: ImageArray = self.image - _plane(self.limited(), ~self.missing)
        known = level[~self.missing] if self.missing.any() else level
        level -= np.float32(middle(known))
        level /= np.float32(max(deviation(known), _TINY))
        level[self.missing] = 0.0
        return level

    def micrograph_pixels(self, points: FloatArray) -> FloatArray:
        """Return ``(n, 2)`` x and y in micrograph pixels; Fourier cropping keeps pixel (0, 0)."""
        pixels: FloatArray = points * np.array(self.scale)
        return pixels


def limited(image: ImageArray) -> ImageArray:
    """Return an image with outliers cut to six deviations."""
    return np.clip(image, -_OUTLIER_DEVIATIONS, _OUTLIER_DEVIATIONS)


def seen(micrograph: ImageArray) -> bool:
    """Tell whether there is anything in a micrograph: two pixels that are numbers and differ."""
    if not micrograph.size:
        return False
    low, high = micrograph.min(), micrograph.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        known = micrograph[np.isfinite(micrograph)]
        low, high = (known.min(), known.max()) if known.size else (0, 0)
    return bool(low < high)


@dataclass(frozen=True, slots=True)
class ReadyMicrograph:
    """A micrograph made ready to be shrunk, by any factors, for the cost of the small images.

    Attributes:
        image: ``(rows, columns)`` float32 about 0, missing, hot and dead pixels taken out.
        missing: ``(rows, columns)`` bool, where it holds no numbers or is blank.
        spectrum: ``(rows, frequencies)`` complex64 of the image, as far as they are wanted.
    """

    image: ImageArray
    missing: MaskArray
    spectrum: SpectrumArray


def make_ready(
    micrograph: ImageArray, least_shrink: float = 1.0, threads: int = 1
) -> ReadyMicrograph:
    """Take what is no number, hot or dead out of a micrograph in which something is ``seen``.

    Args:
        micrograph: ``(rows, columns)``; pixels that are not finite are filled and marked.
        least_shrink: It will not be shrunk by less; finer detail is not transformed.
        threads: Threads of the transform.
    """
    image, missing = _finite(micrograph)
    lines = fft.rfft(image, axis=1, workers=threads)
    lines = lines[:, : _shrunk(image.shape, least_shrink)[1] // 2 + 1]
    spectrum = fft.fft(lines, axis=0, workers=threads, overwrite_x=True)
    return ReadyMicrograph(image, missing, spectrum)


def working_field(
    ready: ReadyMicrograph,
    shrink: float,
    *,
    largest_side: int | None = None,
    light: bool = False,
    threads: int = 1,
) -> WorkingField:
    """Shrink a micrograph by Fourier cropping.

    Args:
        ready: The micrograph.
        shrink: By how much; never enlarged.
        largest_side: Return what lies in the middle, at most so many pixels a side; None: all.
        light: Whether particles are lighter than what is around them.
        threads: Threads of the transforms.
    """
    image = ready.image
    rows, columns = shape = _shrunk(image.shape, shrink)
    down, across = _middle(rows, largest_side), _middle(columns, largest_side)
    small = _fourier_crop(ready, shape, down, threads)[:, across]
    scale = (image.shape[1] / columns, image.shape[0] / rows)
    missing = _shrunk_mask(ready.missing, shape, scale)[down, across]
    known = small if missing.all() or not missing.any() else small[~missing]
    spread = deviation(known) or float(known.std(dtype=np.float64))
    small = (small - np.float32(middle(known))) * np.float32(
        (1.0 if light else -1.0) / max(spread, _TINY)
    )
    return WorkingField(small, missing, scale)


def flatten(image: ImageArray, excluded: MaskArray, diameter_px: float) -> ImageArray:
    """Take out the background (a Gaussian of the particle's diameter); excluded places become 0."""
    sigma = _BACKGROUND_SMOOTHING * diameter_px
    if not excluded.any():
        return np.asarray(image - gaussian(image, sigma))
    used = (~excluded).astype(np.float32)
    weight = np.maximum(gaussian(used, sigma), np.float32(1e-3))
    background = gaussian(image * used, sigma) / weight
    return np.asarray((image - background) * used)


def _finite(micrograph: ImageArray) -> tuple[ImageArray, MaskArray]:
    """Return the image about 0, missing, hot and dead pixels taken out, and which were missing."""
    image = np.asarray(micrograph, dtype=np.float32)
    missing = ~np.isfinite(image)
    missing |= _blank(image)
    known = _sample(image, ~missing if not missing.all() else np.isfinite(image))
    middle = np.float32(np.median(known))
    spread = deviation(known) or float(known.std())
    reach = np.float32(min(_OUTLIER_PIXEL * spread, _LARGEST))
    filled: ImageArray = image - middle
    filled[missing] = 0.0
    return np.clip(filled, -reach, reach, out=filled), missing


def _sample(image: ImageArray, used: MaskArray) -> FloatArray:
    """Return some of the used pixels: enough to tell which brightness is usual.

    In double precision: squares of large numbers must not overflow.
    """
    step = math.ceil(math.sqrt(image.size / _SAMPLE_PIXELS))
    some = image[::step, ::step][used[::step, ::step]]
    return (some if some.size else image[used]).astype(np.float64)


def _blank(image: ImageArray) -> MaskArray:
    """Return where whole blocks hold one number: borders that a correction left empty."""
    blank = np.zeros(image.shape, dtype=bool)
    down, across = image.shape[0] // _BLOCK, image.shape[1] // _BLOCK
    if not down or not across:
        return blank
    rows, columns = down * _BLOCK, across * _BLOCK
    blocks = image[:rows, :columns].reshape(down, _BLOCK, across, _BLOCK)
    # Three pixels tell of nearly all blocks that they are not blank.
    first = blocks[:, 0, :, 0]
    alike = (first == blocks[:, 7, :, 21]) & (first == blocks[:, 25, :, 10])
    if not alike.any():
        return blank
    down_index, across_index = np.nonzero(alike)
    some = blocks[down_index, :, across_index, :]
    alike[down_index, across_index] = some.min(axis=(1, 2)) == some.max(axis=(1, 2))
    # What is blank goes on into the next block; how far is not worth finding out.
    alike = ndimage.maximum_filter(alike, 3)
    blank[:rows, :columns] = alike.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)
    blank[rows:] = blank[rows - 1]
    blank[:, columns:] = blank[:, columns - 1 : columns]
    return blank


def _plane(image: ImageArray, used: MaskArray) -> ImageArray:
    """Return the plane that fits an image best where it is used."""
    step = _PLANE_STEP
    y, x = np.nonzero(used[::step, ::step])
    values = image[::step, ::step][y, x]
    terms = np.stack([np.ones(len(x)), x * step, y * step], axis=-1)
    mean, along_x, along_y = np.linalg.lstsq(terms, values, rcond=None)[0]
    rows, columns = np.arange(image.shape[0])[:, None], np.arange(image.shape[1])[None, :]
    return np.asarray(mean + along_x * columns + along_y * rows, dtype=np.float32)


def _shrunk(shape: tuple[int, ...], shrink: float) -> tuple[int, int]:
    """Return rows and columns of a shrunk image, which transform fast; never more than it has."""
    rows, columns = (int(fft.next_fast_len(round(n / max(shrink, 1.0)), True)) for n in shape)
    if rows >= shape[0] or columns >= shape[1]:
        return shape[0], shape[1]
    return rows, columns


def _middle(length: int, largest: int | None) -> slice:
    """Return the middle of a line, at most so many pixels."""
    kept = length if largest is None else min(length, largest)
    start = (length - kept) // 2
    return slice(start, start + kept)


def _fourier_crop(
    ready: ReadyMicrograph, shape: tuple[int, int], down: slice, threads: int
) -> ImageArray:
    """Return rows of the image in fewer pixels, mean kept."""
    image, spectrum = ready.image, ready.spectrum
    rows, columns = shape
    if shape == image.shape:
        return image[down]
    half = columns // 2 + 1
    upper, lower = (rows + 1) // 2, rows // 2
    cropped = np.concatenate([spectrum[:upper, :half], spectrum[-lower:, :half]])
    cropped *= np.float32(rows * columns / image.size)
    lines = fft.ifft(cropped, axis=0, workers=threads, overwrite_x=True)[down]
    small: ImageArray = fft.irfft(lines, n=columns, axis=1, workers=threads)
    return small


def _shrunk_mask(mask: MaskArray, shape: tuple[int, int], scale: tuple[float, float]) -> MaskArray:
    """Return where a good part of a working pixel is masked; single pixels are not worth it."""
    if not mask.any():
        return np.zeros(shape, dtype=bool)
    size = (math.ceil(scale[1]), math.ceil(scale[0]))
    share = ndimage.uniform_filter(mask.astype(np.float32), size)
    y = np.minimum((np.arange(shape[0]) * scale[1]).astype(np.intp), mask.shape[0] - 1)
    x = np.minimum((np.arange(shape[1]) * scale[0]).astype(np.intp), mask.shape[1] - 1)
    return np.asarray(share[np.ix_(y, x)] > _MASKED_SHARE)
