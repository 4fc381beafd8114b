"""The parts of a micrograph in which no particle is sought.

Three kinds of place. Compact ones that are far darker or brighter than the rest (gold, dirt, holes
in the ice). Lumps, dark all over and larger than a particle (ethane drops, ice crystals): a disk
a fifth wider than a particle fits in, as it does not into a particle, nor, without touching the
light between them, into a crowd. And whole areas that are darker (carbon film): there the local
mean falls into two classes that lie much further apart than each of them is wide. A crowd of
particles beside empty ice is such an area too; it is told from carbon by its darkness, less than
one particle's.
"""

import math
from typing import TypeAlias, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.smoothing import gaussian

MaskArray: TypeAlias = NDArray[np.bool_]
"""A yes or no a pixel: ``(rows, columns)``."""

Pixels = TypeVar("Pixels", ImageArray, MaskArray)

_SPOT_SMOOTHING = 1.0 / 8.0
_LUMP_DIAMETER = 1.2
_LUMP_PIXELS_PER_DIAMETER = 6
# Noise reached 1.4 deviations; drops and crystals began at 4.5.
_LUMP_DEVIATIONS = 4.0
# What stands out within, as a part of how dark it is all over: of drops and crystals up to 0.5, and
# less than 0.15 where three particles' areas fit in; of crowds, where one is dark at all, over 1.
_LUMP_RELIEF = 0.6
_LEAST_NOISE = 0.6
_LUMP_MARGIN = 0.25
_LUMP_RIM = 0.8
_RIM_DEVIATIONS = 2.0
_LUMP_ROUNDS = 4
_AREA_SMOOTHING = 0.5
_AREA_STEP = 4
# Otsu's two halves of an even spread lie 3.5 of their deviations apart; real micrographs without
# carbon reached 3.6, simulated carbon began at 9.
_AREA_SEPARATION = 5.0
_AREA_OPENING = 1.0
_ENOUGH_PIXELS = 50_000
_TINY = 1e-6


def deviation(image: ImageArray | FloatArray) -> float:
    """Return a standard deviation that outliers do not move (1.4826 median absolute deviation)."""
    some = sample(image)
    return 1.4826 * float(np.median(np.abs(some - np.median(some))))


def middle(image: ImageArray | FloatArray) -> float:
    """Return the median."""
    return float(np.median(sample(image)))


def sample(image: ImageArray | FloatArray) -> ImageArray | FloatArray:
    """Return enough evenly spaced pixels of a large image to tell its medians, in one row."""
    return image.ravel()[:: 1 + image.size // _ENOUGH_PIXELS]


def darkness(image: ImageArray, diameter_px: float) -> ImageArray:
    """Return how far every place stands out, in deviations of the smoothed image.

    Args:
        image: ``(rows, columns)`` float32, dark places positive.
        diameter_px: The particles' diameter; the smoothing is an eighth of it.
    """
    smooth = gaussian(image, _SPOT_SMOOTHING * diameter_px)
    smooth -= np.float32(middle(smooth))
    return np.asarray(np.abs(smooth) / max(deviation(smooth), _TINY), np.float32)


def spots(prominence: ImageArray, limit: float, margin_px: float) -> MaskArray:
    """Return ``(rows, columns)`` bool: where darkness passes a limit, and a margin around it."""
    return grow(prominence > limit, margin_px)


def lumps(image: ImageArray, missing: MaskArray, diameter_px: float) -> MaskArray:
    """Return ``(rows, columns)`` bool: what is dark all over and larger than a particle.

    The grey opening by a disk (Serra, Image Analysis and Mathematical Morphology (1982), chapter
    XII) gives every pixel the least darkness of the darkest disk that it lies in.

    Args:
        image: ``(rows, columns)`` float32, dark places positive, not limited.
        missing: ``(rows, columns)`` bool, where the image holds nothing.
        diameter_px: The particles' diameter.
    """
    step = max(1.0, diameter_px / _LUMP_PIXELS_PER_DIAMETER)
    known = np.where(missing, np.float32(0.0), image)
    coarse = tuple(max(1, round(length / step)) for length in image.shape)
    smooth = resampled(gaussian(known, _SPOT_SMOOTHING * diameter_px), coarse)
    opened = _opened(smooth, _disk(0.5 * _LUMP_DIAMETER * diameter_px / step))
    # Without what is as wide as lumps themselves, which would raise the limit for each other.
    narrow = smooth - gaussian(smooth, diameter_px / step)
    dark = np.zeros(smooth.shape, dtype=bool)
    for _ in range(_LUMP_ROUNDS):
        found = _dark_all_over(smooth, opened, narrow, dark)
        if not np.any(found & ~dark):
            break
        dark |= found
    if not dark.any():
        return np.zeros(image.shape, dtype=bool)
    # Rounded drops grow faint towards their rims.
    rim = opened > middle(opened[~dark]) + _RIM_DEVIATIONS * deviation(narrow[~dark])
    dark |= rim & grow(dark, _LUMP_RIM * diameter_px / step)
    return resampled(grow(dark, _LUMP_MARGIN * diameter_px / step), image.shape)


def _dark_all_over(
    smooth: ImageArray, opened: ImageArray, narrow: ImageArray, known: MaskArray
) -> MaskArray:
    """Return where the opened image stands out of the noise, and little stands out within it.

    The noise is that of what is not known to be a lump yet: drops that cover much of the image
    would hide fainter ones, and their own rims.
    """
    rest = ~known
    level = opened - middle(opened[rest])
    noise = max(deviation(narrow[rest]), _LEAST_NOISE * deviation(smooth[rest]))
    parts, count = ndimage.label(level > _LUMP_DEVIATIONS * noise)
    if not count:
        return np.zeros(parts.shape, dtype=bool)
    names, inside = np.arange(1, count + 1), parts > 0
    of = parts[inside]
    relief = ndimage.mean((smooth - opened)[inside], of, names)
    even = np.append(False, relief < _LUMP_RELIEF * ndimage.median(level[inside], of, names))
    found: MaskArray = even[parts]
    return found


def _opened(image: ImageArray, disk: MaskArray) -> ImageArray:
    """Return the grey opening by a disk, mirrored beyond the borders."""
    half = disk.shape[0] // 2
    eroded = _over_disk(np.pad(image, half, mode="symmetric"), disk, np.minimum)
    return _over_disk(np.pad(eroded, half, mode="symmetric"), disk, np.maximum)


def _over_disk(padded: ImageArray, disk: MaskArray, extreme: np.ufunc) -> ImageArray:
    """Return the least or largest value under the disk; whole images at once cost a twentieth."""
    rows, columns = (length - disk.shape[0] + 1 for length in padded.shape)
    best = padded[disk.shape[0] // 2 :, disk.shape[0] // 2 :][:rows, :columns].copy()
    for y, x in np.argwhere(disk):
        extreme(best, padded[y : y + rows, x : x + columns], out=best)
    return best


def _disk(radius_px: float) -> MaskArray:
    reach = np.arange(-math.ceil(radius_px), math.ceil(radius_px) + 1)
    disk: MaskArray = np.hypot(reach[:, None], reach) <= radius_px
    return disk


def areas(image: ImageArray, missing: MaskArray, diameter_px: float) -> MaskArray:
    """Return ``(rows, columns)`` bool: an area that is darker, carbon film or a crowd.

    Args:
        image: ``(rows, columns)`` float32, dark places positive, outliers already limited.
        missing: ``(rows, columns)`` bool, where the image holds nothing.
        diameter_px: The particles' diameter; an area smaller than two of them is none.
    """
    mean = gaussian(image, _AREA_SMOOTHING * diameter_px)
    found = _upper_class(mean, ~grow(missing, 2.0 * _AREA_SMOOTHING * diameter_px))
    core = ~grow(~found, _AREA_OPENING * diameter_px)
    return grow(core, (_AREA_OPENING + _AREA_SMOOTHING) * diameter_px)


def area_darkness(image: ImageArray, missing: MaskArray, area: MaskArray) -> float:
    """Return how much darker an area is than the rest; 0 where there is no rest."""
    inside, outside = area & ~missing, ~area & ~missing
    if not inside.any() or not outside.any():
        return 0.0
    return float(np.median(image[inside]) - np.median(image[outside]))


def resampled(image: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Return the nearest pixels of an image or a mask, for another shape of the same field."""
    y, x = (
        np.minimum(np.rint(np.arange(new) * (old / new)).astype(np.intp), old - 1)
        for new, old in zip(shape, image.shape, strict=True)
    )
    picked: Pixels = image[y[:, None], x]
    return picked


def grow(mask: MaskArray, margin_px: float) -> MaskArray:
    """Return a mask grown by a margin on all sides."""
    if not mask.any():
        return mask
    reach = np.arange(-int(margin_px), int(margin_px) + 1)
    half_widths = np.sqrt(np.maximum(margin_px**2 - reach**2, 0.0)).astype(np.int64)
    grown: MaskArray = _grown(mask, half_widths)
    return grown


@numba.njit(cache=True, nogil=True)
def _grown(mask, half_widths):  # type: ignore[no-untyped-def]
    """Return a mask with a disk, given by the half widths of its rows, at all that borders it.

    What is masked has a short border, so that this is a tenth of the work of a distance transform.
    """
    rows, columns = mask.shape
    reach = len(half_widths) // 2
    grown = mask.copy()
    for y in range(rows):
        for x in range(columns):
            if not mask[y, x] or (
                (y == 0 or mask[y - 1, x])
                and (y == rows - 1 or mask[y + 1, x])
                and (x == 0 or mask[y, x - 1])
                and (x == columns - 1 or mask[y, x + 1])
            ):
                continue
            for row in range(max(y - reach, 0), min(y + reach + 1, rows)):
                half = half_widths[row - y + reach]
                grown[row, max(x - half, 0) : min(x + half + 1, columns)] = True
    return grown


def _upper_class(values: ImageArray, known: MaskArray) -> MaskArray:
    """Return where values belong to the upper of two classes; nowhere if they are one."""
    grid = slice(None, None, _AREA_STEP)
    sample = np.sort(values[grid, grid][known[grid, grid]].astype(np.float64))
    split, separation = _two_classes(sample)
    if separation < _AREA_SEPARATION:
        return np.zeros(values.shape, dtype=bool)
    return (values > split) & known


def _two_classes(ordered: FloatArray) -> tuple[float, float]:
    """Return Otsu's split (1979) and the distance of both means in deviations within a class."""
    if len(ordered) < 3 or ordered[-1] - ordered[0] < _TINY:
        return 0.0, 0.0
    count = np.arange(1, len(ordered))
    total, squares = np.cumsum(ordered), float(np.sum(ordered**2))
    low = total[:-1] / count
    high = (total[-1] - total[:-1]) / (len(ordered) - count)
    between = count * (len(ordered) - count) * (high - low) ** 2
    best = int(np.argmax(between))
    within = squares - count[best] * low[best] ** 2
    within -= (len(ordered) - count[best]) * high[best] ** 2
    width = np.sqrt(max(within / len(ordered), _TINY**2))
    return float(ordered[best]), float((high[best] - low[best]) / width)
