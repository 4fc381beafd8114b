"""Numbers that tell at a glance whether an image is worth looking at.

Everything that thresholds are laid on elsewhere: how bright, how varied and how striped an image
is, and how many electrons it counted.
"""

import numba
import numpy as np

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.gain import NO_GAIN, frame_statistics, measure_rows

STRIPE_BLOCKS = 16
LEAST_SIDE = 2 * STRIPE_BLOCKS


def mean_and_deviation(image: ImageArray) -> tuple[float, float]:
    """Return mean and standard deviation of the pixels, ``(rows, columns)`` of any real type.

    Raises:
        BadInput: Some pixels are no numbers.
    """
    measures = np.empty((len(image), 4))
    measure_rows(np.ascontiguousarray(image), NO_GAIN, measures)
    mean, deviation, _, _ = frame_statistics(measures, image.shape[1])
    if not np.isfinite(deviation):
        strange = int(image.size - np.count_nonzero(np.isfinite(image)))
        raise BadInput(
            f"{strange} of {image.size} pixels of the micrograph are no numbers: "
            "it is damaged; make it again"
        )
    return mean, deviation


def striping(image: ImageArray) -> float:
    """Return how strongly whole rows or whole columns differ from their neighbours.

    Each row less the mean of its two neighbours is cut into `STRIPE_BLOCKS` blocks. In an image
    without stripes the blocks vary independently, and their mean varies by as much as that lets
    expect: the ratio is 1, however coarse the grain. A stripe moves all blocks of a row at once.

    Args:
        image: ``(rows, columns)``, at least `LEAST_SIDE` each.

    Returns:
        The larger ratio, of rows and of columns; 1 for an image of one value.
    """
    if min(image.shape) < LEAST_SIDE:
        raise BadInput(f"an image of {image.shape} pixels is too small to look for stripes")
    of_rows = np.zeros((image.shape[0], STRIPE_BLOCKS))
    of_columns = np.zeros((STRIPE_BLOCKS, image.shape[1]))
    _sum_blocks(np.ascontiguousarray(image), of_rows, of_columns)
    height, width = (size // STRIPE_BLOCKS for size in image.shape)
    return max(_striping(of_rows / width), _striping(of_columns.T / height))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _sum_blocks(image, of_rows, of_columns):  # type: ignore[no-untyped-def]  # numba
    """Sum each row over blocks of columns, and each column over blocks of rows, in one pass."""
    rows, columns = image.shape
    height, width = rows // STRIPE_BLOCKS, columns // STRIPE_BLOCKS
    for row in range(rows):
        for block in range(STRIPE_BLOCKS):
            total = 0.0
            for value in image[row][block * width : (block + 1) * width]:
                total += value
            of_rows[row, block] = total
        if row < height * STRIPE_BLOCKS:
            totals = of_columns[row // height]
            for column in range(columns):
                totals[column] += image[row, column]


def _striping(blocks: FloatArray) -> float:
    """Return the ratio for ``(lines, blocks)`` of means."""
    change = blocks[1:-1] - (blocks[:-2] + blocks[2:]) / 2.0
    within = _root_mean_square(change - change.mean(axis=1, keepdims=True))
    expected = within / np.sqrt(STRIPE_BLOCKS - 1)
    together = _root_mean_square(change.mean(axis=1))
    if together <= 1e-9 * max(float(np.abs(blocks).max()), 1e-300):
        return 1.0
    return together / max(float(expected), 1e-12 * together)


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.square(values).mean()))


def measured_dose(mean_counts: float, pixel_size_angstrom: float) -> float:
    """Return the exposure of a frame in e/Å² from its mean counts a pixel.

    It is what the camera counted: of a counting camera some tenths less than what arrived. Pixels
    must hold electrons, after the gain reference.
    """
    return mean_counts / (pixel_size_angstrom * pixel_size_angstrom)
