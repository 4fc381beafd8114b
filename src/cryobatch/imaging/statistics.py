"""Numbers that tell at a glance whether an image is worth looking at.

Everything that thresholds are laid on elsewhere: how bright, how varied and how striped an image
is, and how many electrons it counted.
"""

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import FloatArray, ImageArray

STRIPE_BLOCKS = 16
LEAST_SIDE = 2 * STRIPE_BLOCKS


def mean_and_deviation(image: ImageArray) -> tuple[float, float]:
    """Return mean and standard deviation of the pixels, ``(rows, columns)`` of any real type.

    Raises:
        BadInput: Some pixels are no numbers.
    """
    mean = float(image.mean(dtype=np.float64))
    deviation = float(image.std(dtype=np.float64))
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
    return max(_striping_of_rows(image), _striping_of_rows(image.T))


def _striping_of_rows(image: ImageArray) -> float:
    width = image.shape[1] // STRIPE_BLOCKS
    blocks = np.stack(
        [
            image[:, place * width : (place + 1) * width].mean(axis=1, dtype=np.float64)
            for place in range(STRIPE_BLOCKS)
        ],
        axis=1,
    )
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
