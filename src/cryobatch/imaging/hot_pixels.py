"""Find pixels that are hot or dead in the sum of a movie's frames."""

import numpy as np
from numba import njit

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
    found = np.zeros(summed.shape, dtype=np.bool_)
    _mark_outliers(np.ascontiguousarray(summed, dtype=np.float32), float(sigma), found)
    return found


@njit(cache=True, nogil=True)
def _mark_outliers(summed, sigma, found):  # type: ignore[no-untyped-def]  # numba infers the types
    rows, columns = summed.shape
    for top in range(0, rows, BLOCK):
        # A remainder at the border is judged with the pixels before it.
        first_row = max(0, min(top, rows - BLOCK))
        for left in range(0, columns, BLOCK):
            first_column = max(0, min(left, columns - BLOCK))
            block = summed[first_row : first_row + BLOCK, first_column : first_column + BLOCK]
            sample = block[::_SAMPLED, ::_SAMPLED].copy().ravel()
            median = np.median(sample)
            spread = _DEVIATION_OF_MEDIAN * np.median(np.abs(sample - median))
            # Counts of a mean m scatter by sqrt(m), whatever a small sample says.
            limit = sigma * max(spread, np.sqrt(max(median, 1.0)))
            for row in range(block.shape[0]):
                for column in range(block.shape[1]):
                    if abs(block[row, column] - median) > limit:
                        found[first_row + row, first_column + column] = True
