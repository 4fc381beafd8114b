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
BANDS_RATIO = 1.6
"""Of the deviation of rows or columns over what chance leaves: ice is coarse, so a few decide."""
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
        row_means: Mean of each full row in deviations of a pixel, without a parabola along them:
            that is the beam's.
        column_means: Of each full column.
        fine: Deviation of the binned pixels without what is coarse.
    """

    pixels: ImageArray
    spectrum: ImageArray
    row_means: FloatArray
    column_means: FloatArray
    fine: float

    @property
    def shape(self) -> tuple[int, int]:
        """Return ``(rows, columns)`` of the image before binning."""
        return len(self.row_means), len(self.column_means)


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
        row_variance: Their mean variance from image to image.
        column_means: Mean of all images' columns.
        column_variance: Their mean variance from image to image.
        fine: Mean fine deviation of one image.
    """

    count: int
    shape: tuple[int, int]
    mean: ImageArray
    variance: ImageArray
    spectrum: ImageArray
    row_means: FloatArray
    row_variance: float
    column_means: FloatArray
    column_variance: float
    fine: float


@dataclass(frozen=True, slots=True)
class Common:
    """What images have in common.

    Args:
        share: Part of one image's fine contrast that is the same in all; 0 where it is no more than
            chance leaves; None: too few images to tell.
        bands: "rows" or "columns" where many of these differ from each other alike in all images.
        rows: Rows that stand out of their neighbours in all, from 0.
        columns: Columns that do.
    """

    share: float | None
    bands: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()


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
        _without_beam(pixels.mean(axis=1, dtype=np.float64)) / deviation,
        _without_beam(pixels.mean(axis=0, dtype=np.float64)) / deviation,
        float(_fine(normal).std(dtype=np.float64)),
    )  # fmt: skip


def begin(first: Contribution) -> Average:
    """Return the averages of one image."""
    return Average(
        1, first.shape, first.pixels, np.zeros_like(first.pixels), first.spectrum,
        first.row_means, 0.0, first.column_means, 0.0, first.fine,
    )  # fmt: skip


def add(average: Average, other: Contribution) -> Average:
    """Return the averages with one image more (Welford's update of mean and variance).

    Raises:
        BadInput: The image has another size.
    """
    if other.shape != average.shape:
        raise BadInput("the image has another size than those before it")
    count = average.count + 1
    part = np.float32(1.0 / count)
    step = other.pixels - average.mean
    mean = average.mean + step * part
    variance = average.variance * (1.0 - part) + step * (other.pixels - mean) * part
    row_means, row_variance = _add_line(
        average.row_means, average.row_variance, other.row_means, count
    )
    column_means, column_variance = _add_line(
        average.column_means, average.column_variance, other.column_means, count
    )
    return Average(
        count, average.shape, mean, variance.astype(np.float32),
        average.spectrum + (other.spectrum - average.spectrum) * part,
        row_means, row_variance, column_means, column_variance,
        average.fine + (other.fine - average.fine) / count,
    )  # fmt: skip


def _add_line(
    means: FloatArray, variance: float, other: FloatArray, count: int
) -> tuple[FloatArray, float]:
    """Return means of rows or columns, and their mean variance, with one image more."""
    step = other - means
    new = means + step / count
    return new, variance * (1.0 - 1.0 / count) + float(np.mean(step * (other - new))) / count


def find_common(average: Average) -> Common:
    """Return what the images of an average have in common."""
    if average.count < LEAST_IMAGES:
        return Common(None)
    left = float(_fine(average.mean).std(dtype=np.float64))
    chance = average.fine / math.sqrt(average.count)
    certain = left > CERTAIN_RATIO * chance
    share = math.sqrt(max(left**2 - chance**2, 0.0)) / average.fine if certain else 0.0
    lines = {"rows": (average.row_means, average.row_variance),
             "columns": (average.column_means, average.column_variance)}  # fmt: skip
    bands = tuple(
        name for name, (means, variance) in lines.items()
        if means.std() > BANDS_RATIO * math.sqrt(variance / (average.count - 1))
    )  # fmt: skip
    return Common(share, bands, find_lines(average.row_means), find_lines(average.column_means))


def _without_beam(means: FloatArray) -> FloatArray:
    """Return means of rows or columns without the parabola that fits them best."""
    place = np.linspace(-1.0, 1.0, len(means))
    rest: FloatArray = means - np.polynomial.Polynomial.fit(place, means, 2)(place)
    return rest


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
