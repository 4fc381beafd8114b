"""Find pixels that are hot or dead in the sum of a movie's frames."""

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import MaskArray

BLOCK = 64
"""Pixels along the side of a block that is judged by its own median: the specimen's own contrast
(carbon, ice, a thick edge) must neither hide hot pixels nor be taken for them."""

_SAMPLED = 3
_DEVIATION_OF_MEDIAN = 1.4826


def find_hot_pixels(summed: ImageArray, sigma: float) -> MaskArray:
    """Return pixels that stand out of their surroundings.

    Args:
        summed: ``(rows, columns) float32``, sum of the gain-corrected frames, counts.
        sigma: How many deviations of its block (64 pixels square; from the median of absolute
            deviations, and not less than counting noise) a pixel may lie off the block's median.

    Returns:
        Which pixels are hot, or dead, ``(rows, columns)``.
    """
    rows, columns = summed.shape
    block_of_column = np.arange(columns) // BLOCK
    found = np.empty(summed.shape, np.bool_)
    for top in range(0, rows, BLOCK):
        # A remainder at the border is judged together with the pixels before it.
        first = max(0, min(top, rows - BLOCK))
        median, limit = _judge_blocks(summed[first : first + BLOCK], sigma)
        band = summed[top : top + BLOCK]
        off = np.abs(band - median[block_of_column])
        np.greater(off, limit[block_of_column], out=found[top : top + BLOCK])
    return found


def _judge_blocks(
    band: ImageArray, sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the median of each block of a band of rows, and how far off it a pixel may lie.

    Every ninth pixel is enough to know both to a twentieth of the deviation.
    """
    columns = band.shape[1]
    starts = np.clip(np.arange(0, columns, BLOCK), 0, max(0, columns - BLOCK))
    places = np.minimum(starts[:, None] + np.arange(0, BLOCK, _SAMPLED), columns - 1)
    samples = band[::_SAMPLED][:, places].transpose(1, 0, 2).reshape(len(starts), -1)
    median = np.median(samples, axis=1)
    spread = _DEVIATION_OF_MEDIAN * np.median(np.abs(samples - median[:, None]), axis=1)
    # Counts of a mean m scatter by sqrt(m), whatever a small sample says.
    noise = np.sqrt(np.maximum(median, 1.0))
    limit = sigma * np.maximum(spread, noise)
    return median.astype(np.float32), limit.astype(np.float32)
