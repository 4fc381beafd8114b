"""Round templates that a micrograph teaches, and where they are found in it.

A template is the rotational average of patches about points where particles are thought to be.
Its score at a pixel is the normalised cross-correlation over a disk (Roseman, Ultramicroscopy
94:225 (2003), equation 4): mean and deviation of the image under the disk are taken out, so that
a gradient of ice thickness or a dark spot does not count as a particle. It lies in [-1, 1].
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.imaging import fft
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.exclusion import MaskArray
from cryobatch.imaging.picking_patches import PointArray, distances, patches_about
from cryobatch.imaging.smoothing import negative_laplacian

_TINY = 1e-6
# Twice how far a maximum passes the mean of two neighbours: 0.0001 and more for those of noise.
_LEAST_BEND = np.float32(1e-5)
_BINS_PER_PIXEL = 2


@dataclass(frozen=True, slots=True)
class Template:
    """A round template.

    Attributes:
        kernel: ``(2 n + 1, 2 n + 1)`` float32; inside the disk its mean is 0 and its norm 1.
        disk: ``(2 n + 1, 2 n + 1)`` float32, 1 inside the disk and 0 outside.
        profile: Mean density at distance ``i / 2`` pixels from the centre, before scaling.
    """

    kernel: ImageArray
    disk: ImageArray
    profile: FloatArray


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """How well a template fits at every pixel.

    Attributes:
        score: ``(rows, columns)`` float32 in [-1, 1].
        amplitude: ``(rows, columns)`` float32, how strong the image is along the template.
        energy: ``(rows, columns)`` float32, sum of squared deviations under the disk.
    """

    score: ImageArray
    amplitude: ImageArray
    energy: ImageArray


def teach(
    image: ImageArray, points: PointArray, radius_px: float, fallback: Template | None = None
) -> Template | None:
    """Average the patches about points into a template.

    Every patch is scaled to the same deviation first, so that a few very strong ones (gold, ice)
    do not become the template.

    Args:
        image: ``(rows, columns)`` float32, particles bright, background about 0.
        points: ``(n, 2)`` whole x and y; those whose patch leaves the image are passed over.
        radius_px: Radius of the disk.
        fallback: What to return where no patch is inside.
    """
    half = math.ceil(radius_px)
    patches = patches_about(image, points, half).reshape(-1, (2 * half + 1) ** 2)
    disk = (distances(half) <= radius_px).ravel()
    # As einsum for the reason that `_kernel_spectrum` gives.
    means = np.einsum("np,p->n", patches, disk / disk.sum())
    squares = np.einsum("np,np,p->n", patches, patches, disk / disk.sum())
    deviation = np.sqrt(np.maximum(squares - means**2, 0.0))
    usable = deviation > _TINY
    if not usable.any():
        return fallback
    weights = np.divide(1.0 / usable.sum(), deviation, where=usable, out=np.zeros(len(patches)))
    mean = np.einsum("n,np->p", weights, patches) - np.sum(weights * means)
    return round_template(mean.reshape(2 * half + 1, -1), radius_px)


def round_template(patch: FloatArray, radius_px: float) -> Template:
    """Make the template that is a patch averaged over all rotations."""
    half = patch.shape[0] // 2
    distance = distances(half)
    bins = np.rint(distance * _BINS_PER_PIXEL).astype(np.intp)
    count = np.bincount(bins.ravel())
    profile = np.bincount(bins.ravel(), weights=patch.ravel()) / np.maximum(count, 1)
    filled = np.flatnonzero(count)
    profile = np.interp(np.arange(profile.size), filled, profile[filled])
    disk = distance <= radius_px
    kernel = np.where(disk, profile[bins], 0.0)
    kernel = np.where(disk, kernel - kernel[disk].mean(), 0.0)
    kernel /= max(float(np.sqrt(np.sum(kernel**2))), _TINY)
    return Template(kernel.astype(np.float32), disk.astype(np.float32), profile)


@dataclass(frozen=True, slots=True)
class DiskField:
    """An image made ready to be compared with templates under a disk.

    Attributes:
        spectrum: Of the image, mirrored beyond its border, in a size that transforms fast.
        shape: ``(rows, columns)`` of that size.
        radius: Of the disk, pixels.
        energy: ``(rows, columns)`` of the image, float32, sum of squared deviations under the disk.
        threads: Threads of the transforms.
    """

    spectrum: SpectrumArray
    shape: tuple[int, int]
    radius: float
    energy: ImageArray
    threads: int


def disk_field(image: ImageArray, radius_px: float, threads: int = 1) -> DiskField:
    """Make an image ready: what does not depend on the template is worked out once."""
    half = math.ceil(radius_px)
    padded = np.pad(image, half, mode="symmetric")
    rows, columns = (fft.next_fast_len(length, True) for length in padded.shape)
    shape = (rows, columns)
    field = np.zeros(shape, dtype=np.float32)
    field[: padded.shape[0], : padded.shape[1]] = padded
    disk = distances(half) <= radius_px
    widths = np.count_nonzero(disk, axis=1)
    energy = _energy(padded, widths, np.float32(disk.sum()), np.float32(disk.sum() * _TINY))
    return DiskField(fft.rfft2(field, workers=threads), shape, radius_px, energy, threads)


def correlate(field: DiskField, template: Template) -> ScoreMap:
    """Return the score of a template, taught under the same disk, at every pixel."""
    kernel = _kernel_spectrum(template.kernel, field.shape)
    half = math.ceil(field.radius)
    along = _inverse(field.spectrum * kernel, field.shape, field.energy.shape, half, field.threads)
    score = np.asarray(along / np.sqrt(field.energy), np.float32)
    return ScoreMap(score, along, field.energy)


def _inverse(
    spectrum: SpectrumArray,
    shape: tuple[int, int],
    kept: tuple[int, ...],
    border: int,
    threads: int,
) -> ImageArray:
    """Return the image without what was mirrored around it; overwrites the spectrum."""
    lines = fft.ifft(spectrum, axis=0, workers=threads, overwrite_x=True)
    lines = lines[border : border + kept[0]]
    whole: ImageArray = fft.irfft(lines, n=shape[1], axis=1, workers=threads)
    return whole[:, border : border + kept[1]]


def blob_response(image: ImageArray, diameter_px: float) -> ImageArray:
    """Return the negative Laplacian of Gaussian for disks of a diameter: bright disks are maxima.

    The sigma that answers most to a disk of radius r is ``r / sqrt(2)`` (Lindeberg, International
    Journal of Computer Vision 30:79 (1998)).
    """
    sigma = diameter_px / 2.0 / math.sqrt(2.0)
    return negative_laplacian(image, sigma)


def local_maxima(
    score: ImageArray,
    distance_px: float,
    excluded: MaskArray | None = None,
    most: int | None = None,
) -> PointArray:
    """Return ``(n, 2)`` whole x and y of the maxima, best first, none nearer than a distance.

    Args:
        score: ``(rows, columns)`` float32.
        distance_px: Smallest distance of two.
        excluded: ``(rows, columns)`` bool; maxima there keep others away, but are not returned.
        most: Return at most so many, the best; None returns all.
    """
    y, x = _peaks(score)
    order = _falling(score[y, x])
    points = np.stack([x[order], y[order]], axis=-1)
    away = np.zeros(score.shape, np.bool_) if excluded is None else excluded
    kept = _thin(points, distance_px, away, len(points) if most is None else most)
    thinned: PointArray = points[kept]
    return thinned


def _falling(values: ImageArray) -> PointArray:
    """Return the indices that sort ``(n,)`` float32 from the highest, equal ones as they come.

    Whole numbers that hold value and index are sorted in a quarter of a stable sort's time.
    """
    bits = (0.0 - values).view(np.int32).astype(np.int64)
    # Below zero, larger bits are lower values.
    bits ^= (bits >> 31) & 0x7FFF_FFFF
    keys = (bits << 32) | np.arange(len(bits))
    keys.sort()
    order: PointArray = keys & 0xFFFF_FFFF
    return order


def refine(score: ImageArray, points: PointArray) -> FloatArray:
    """Return ``(n, 2)`` float64: points moved to the top of a parabola through their neighbours."""
    x, y = points[:, 0], points[:, 1]
    middle = score[y, x]
    moved = points.astype(np.float64)
    for axis, (dx, dy) in enumerate(((1, 0), (0, 1))):
        before = score[y - dy, x - dx]
        after = score[y + dy, x + dx]
        bend = before - 2.0 * middle + after
        step = np.where(bend < -_TINY, 0.5 * (before - after) / np.minimum(bend, -_TINY), 0.0)
        moved[:, axis] += np.clip(step, -0.5, 0.5)
    return moved


def _kernel_spectrum(kernel: ImageArray, shape: tuple[int, int]) -> ImageArray:
    """Return the spectrum of a kernel that is even along both axes, about its middle: it is real.

    So small a kernel is transformed by two products of matrices, 20 times faster than padded.
    """
    half = kernel.shape[0] // 2
    quarter = kernel[half:, half:].copy()
    quarter[1:] *= 2.0
    quarter[:, 1:] *= 2.0
    places = np.arange(half + 1)
    down = np.cos(2.0 * np.pi / shape[0] * np.arange(shape[0])[:, None] * places)
    across = np.cos(2.0 * np.pi / shape[1] * places[:, None] * np.arange(shape[1] // 2 + 1))
    # As einsum, because the threads that a product by BLAS starts cost more than they do here.
    spectrum: ImageArray = np.einsum(
        "ip,px->ix",
        np.einsum("ip,pq->iq", down, quarter).astype(np.float32),
        across.astype(np.float32),
    )
    return spectrum


@numba.njit(cache=True, nogil=True)
def _energy(padded, widths, area, least):  # type: ignore[no-untyped-def]
    """Return the sum of squared deviations under a disk, whose rows have widths.

    Each row of the disk is a difference of two running sums: a third of the work of transforms.
    """
    height = len(widths)
    rows, columns = padded.shape[0] - height + 1, padded.shape[1] - height + 1
    sums = np.zeros((height, padded.shape[1] + 1), np.float32)
    squares = np.zeros_like(sums)
    energy = np.empty((rows, columns), np.float32)
    total, power = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for last in range(padded.shape[0]):
        one, two = 0.0, 0.0
        for column in range(padded.shape[1]):
            value = padded[last, column]
            one += value
            two += value * value
            sums[last % height, column + 1] = one
            squares[last % height, column + 1] = two
        row = last - height + 1
        if row < 0:
            continue
        total[:], power[:] = 0.0, 0.0
        for part in range(height):
            left = (height - widths[part]) // 2
            place, right = (row + part) % height, left + widths[part]
            begun, ended = sums[place, left : left + columns], sums[place, right : right + columns]
            for column in range(columns):
                total[column] += ended[column] - begun[column]
            begun = squares[place, left : left + columns]
            ended = squares[place, right : right + columns]
            for column in range(columns):
                power[column] += ended[column] - begun[column]
        for column in range(columns):
            energy[row, column] = max(power[column] - total[column] ** 2 / area, least)
    return energy


@numba.njit(cache=True, nogil=True)
def _peaks(score):  # type: ignore[no-untyped-def]
    """Return y and x of what no neighbour passes, row by row, without the border.

    A ridge is no maximum: which of its pixels is highest, rounding decides.
    """
    rows, columns = score.shape
    y, x = np.empty(score.size, np.int64), np.empty(score.size, np.int64)
    highest = np.empty(columns, score.dtype)
    peak = np.empty(columns, np.bool_)
    count = 0
    for row in range(1, rows - 1):
        # Two loops without branches, which the compiler turns into vector instructions.
        for column in range(columns):
            highest[column] = max(
                score[row - 1, column], score[row, column], score[row + 1, column]
            )
        for column in range(1, columns - 1):
            here = score[row, column]
            beside = max(highest[column - 1], highest[column], highest[column + 1])
            across = 2 * here - score[row, column - 1] - score[row, column + 1]
            down = 2 * here - score[row - 1, column] - score[row + 1, column]
            peak[column] = here >= beside and min(across, down) > _LEAST_BEND
        for column in range(1, columns - 1):
            if peak[column]:
                y[count], x[count] = row, column
                count += 1
    return y[:count].copy(), x[:count].copy()


@numba.njit(cache=True, nogil=True)
def _thin(points, distance, excluded, most):  # type: ignore[no-untyped-def]
    """Return the indices of points, taken in their order, that keep a distance from each other."""
    rows, columns = excluded.shape
    reach = math.ceil(distance) - 1
    near = np.zeros((rows, columns), np.bool_)
    kept = np.empty(len(points), np.int64)
    count = 0
    for index in range(len(points)):
        x, y = points[index, 0], points[index, 1]
        if near[y, x]:
            continue
        for row in range(max(y - reach, 0), min(y + reach + 1, rows)):
            half = math.sqrt(distance * distance - (row - y) ** 2)
            half = math.ceil(half) - 1
            near[row, max(x - half, 0) : min(x + half + 1, columns)] = True
        if excluded[y, x]:
            continue
        kept[count] = index
        count += 1
        if count == most:
            break
    return kept[:count]
