"""Averages over a session: what all images have in common is the camera's, not the specimen's.

Each image is brought to mean 0 and deviation 1 after its pixels were binned, so that none outweighs
the others. In the mean of n independent images the contrast of one is left divided by sqrt(n);
whatever is left beyond that was in all of them: the gain's pattern, dead lines, the beam's edge.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.spectrum import amplitude_spectrum, checked_image

LONGEST_SIDE = 1024
"""Of mean and variance: a line of one pixel of an 8k camera still is an eighth of a pixel here."""
SPECTRUM_BOX = 512
SMOOTHED_PIXELS = 8.0
"""What is coarser than this, in binned pixels, is beam and ice, and not the camera."""
LINE_NEIGHBOURS = 9
LINE_DEVIATIONS = 8.0
LEAST_IMAGES = 4
"""Fewer share much by chance."""
_DEVIATION = 1.4826
"""Standard deviation of normal numbers over the median of their sizes."""
CERTAIN_RATIO = 1.3
"""Fine contrast of the mean over what chance leaves, from which on something is common to all."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one image adds.

    Args:
        pixels: ``(rows, columns)`` float32, binned, mean 0 and deviation 1.
        spectrum: ``(box, box)`` float32 amplitudes, median 1, zero frequency in the centre.
        row_means: Mean of each full row, less the image's mean, in deviations of a pixel.
        column_means: Of each full column.
        fine: Deviation of the binned pixels without what is coarse.
    """

    pixels: ImageArray
    spectrum: ImageArray
    row_means: FloatArray
    column_means: FloatArray
    fine: float


@dataclass(frozen=True, slots=True)
class Average:
    """Averages of contributions.

    Args:
        count: How many.
        shape: ``(rows, columns)`` of an image before binning.
        mean: ``(rows, columns)`` float32.
        variance: Of each binned pixel from image to image, ``(rows, columns)`` float32.
        spectrum: ``(box, box)`` float32, mean amplitude.
        row_means: Mean of all images' rows.
        column_means: Mean of all images' columns.
        fine: Mean fine deviation of one image.
    """

    count: int
    shape: tuple[int, int]
    mean: ImageArray
    variance: ImageArray
    spectrum: ImageArray
    row_means: FloatArray
    column_means: FloatArray
    fine: float


@dataclass(frozen=True, slots=True)
class Common:
    """What images have in common.

    Args:
        share: Part of one image's fine contrast that is the same in all; 0 where it is no more than
            chance leaves; None: too few images to tell.
        rows: Rows that stand out of their neighbours in all, from 0.
        columns: Columns that do.
    """

    share: float | None
    rows: tuple[int, ...]
    columns: tuple[int, ...]


def contribute(image: ImageArray, threads: int = 1) -> Contribution:
    """Return what an image adds to the averages.

    Args:
        image: ``(rows, columns)`` of any real type, row 0 at the bottom.
        threads: For the transforms.

    Raises:
        BadInput: It is too small, of one value, or holds what is no number.
    """
    pixels = checked_image(image)
    mean, deviation = float(pixels.mean(dtype=np.float64)), float(pixels.std(dtype=np.float64))
    binned = bin_pixels(pixels, binning_of(image.shape))
    spread = float(binned.std(dtype=np.float64))
    if not deviation > 0.0 or not spread > 0.0:
        raise BadInput("all pixels are the same: the image is empty")
    spectrum = amplitude_spectrum(
        pixels, SPECTRUM_BOX, pixel_size_angstrom=1.0, target_pixel_angstrom=1.0, overlap=0.0,
        threads=threads,
    ).amplitudes  # fmt: skip
    level = float(np.median(spectrum)) or 1.0
    normal = ((binned - np.float32(mean)) / np.float32(spread)).astype(np.float32)
    normal -= normal.mean(dtype=np.float64)
    return Contribution(
        normal, spectrum / np.float32(level),
        (pixels.mean(axis=1, dtype=np.float64) - mean) / deviation,
        (pixels.mean(axis=0, dtype=np.float64) - mean) / deviation,
        float(_fine(normal).std(dtype=np.float64)),
    )  # fmt: skip


def begin(shape: tuple[int, int], first: Contribution) -> Average:
    """Return the averages of one image of a shape."""
    return Average(
        1, shape, first.pixels, np.zeros_like(first.pixels), first.spectrum, first.row_means,
        first.column_means, first.fine,
    )  # fmt: skip


def add(average: Average, other: Contribution) -> Average:
    """Return the averages with one image more (Welford's update of mean and variance).

    Raises:
        BadInput: The image has another size.
    """
    if other.pixels.shape != average.mean.shape or other.spectrum.shape != average.spectrum.shape:
        raise BadInput("the image has another size than those before it")
    count = average.count + 1
    part = np.float32(1.0 / count)
    step = other.pixels - average.mean
    mean = average.mean + step * part
    variance = average.variance * (1.0 - part) + step * (other.pixels - mean) * part
    return Average(
        count, average.shape, mean, variance.astype(np.float32),
        average.spectrum + (other.spectrum - average.spectrum) * part,
        average.row_means + (other.row_means - average.row_means) / count,
        average.column_means + (other.column_means - average.column_means) / count,
        average.fine + (other.fine - average.fine) / count,
    )  # fmt: skip


def find_common(average: Average) -> Common:
    """Return what the images of an average have in common."""
    if average.count < LEAST_IMAGES:
        return Common(None, (), ())
    left = float(_fine(average.mean).std(dtype=np.float64))
    chance = average.fine / math.sqrt(average.count)
    certain = left > CERTAIN_RATIO * chance
    share = math.sqrt(max(left**2 - chance**2, 0.0)) / average.fine if certain else 0.0
    return Common(share, find_lines(average.row_means), find_lines(average.column_means))


def find_lines(means: FloatArray) -> tuple[int, ...]:
    """Return the rows or columns that stand out of their neighbours."""
    if len(means) < 2 * LINE_NEIGHBOURS:
        return ()
    rest = means - median_filter(means, LINE_NEIGHBOURS, mode="nearest")
    # On a slope the median is the middle itself, and leaves nothing: what bends it is noise too.
    bends = means[:-2] - 2.0 * means[1:-1] + means[2:]
    usual = _DEVIATION * max(_median_size(rest), _median_size(bends) / math.sqrt(6.0))
    return tuple(int(one) for one in np.flatnonzero(np.abs(rest) > LINE_DEVIATIONS * usual + 1e-9))


def binning_of(shape: tuple[int, ...]) -> int:
    """Return how many pixels become one along each axis.

    >>> binning_of((4092, 5760)), binning_of((512, 512))
    (6, 1)
    """
    return max(1, math.ceil(max(shape) / LONGEST_SIDE))


def bin_pixels(image: ImageArray, factor: int) -> ImageArray:
    """Return means over blocks of pixels; what is left over at the ends is dropped."""
    rows, columns = (length // factor for length in image.shape)
    whole = image[: rows * factor, : columns * factor]
    blocks = whole.reshape(rows, factor, columns, factor)
    binned: ImageArray = blocks.mean(axis=(1, 3), dtype=np.float32)
    return binned


def _median_size(values: FloatArray) -> float:
    return float(np.median(np.abs(values)))


def _fine(image: ImageArray) -> ImageArray:
    fine: ImageArray = image - gaussian_filter(image, SMOOTHED_PIXELS)
    return fine
