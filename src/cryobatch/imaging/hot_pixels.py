"""Find pixels that are hot or dead in the sum of a movie's frames."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import MaskArray

BLOCK = 64
"""Pixels along the side of a block that is judged by its own median: the specimen's own contrast
(carbon, ice, a thick edge) must neither hide hot pixels nor be taken for them."""

_SAMPLED = 3
"""Every ninth pixel of a block is enough to know it to a twentieth of the deviation."""

_MOST_SAMPLES = ((BLOCK - 1) // _SAMPLED + 1) ** 2
_DEVIATION_OF_MEDIAN = np.float32(1.4826)


def find_hot_pixels(summed: ImageArray, sigma: float, threads: int = 1) -> MaskArray:
    """Return pixels that stand out of their surroundings.

    Args:
        summed: ``(rows, columns) float32``, sum of the gain-corrected frames, counts.
        sigma: How many deviations of its block (64 pixels square; from the median of absolute
            deviations, and not less than counting noise) a pixel may lie off the block's median.
        threads: Rows of blocks to judge at a time.

    Returns:
        Which pixels are hot, or dead, ``(rows, columns)``.
    """
    found = np.empty(summed.shape, np.bool_)
    with ThreadPoolExecutor(threads) as pool:
        tops = range(0, summed.shape[0], BLOCK)
        list(pool.map(lambda top: _judge_band(summed, top, np.float32(sigma), found), tops))
    return found


@numba.njit(cache=True, nogil=True)
def _judge_band(summed, top, sigma, found):  # type: ignore[no-untyped-def]  # numba infers the types
    """Judge the pixels of a row of blocks, one block after another."""
    samples = np.empty(_MOST_SAMPLES, np.float32)
    for left in range(0, summed.shape[1], BLOCK):
        median, limit = _judge_block(summed, top, left, sigma, samples)
        for row in range(top, min(top + BLOCK, summed.shape[0])):
            pixels = summed[row, left : left + BLOCK]
            written = found[row, left : left + BLOCK]
            for column in range(pixels.size):
                written[column] = abs(pixels[column] - median) > limit


@numba.njit(cache=True, nogil=True)
def _judge_block(summed, top, left, sigma, samples):  # type: ignore[no-untyped-def]
    """Return a block's median and how far off it a pixel may lie."""
    rows, columns = summed.shape
    # A remainder at the border is judged together with the pixels before it.
    top, left = max(0, min(top, rows - BLOCK)), max(0, min(left, columns - BLOCK))
    count = 0
    for row in range(top, min(top + BLOCK, rows), _SAMPLED):
        for column in range(left, min(left + BLOCK, columns), _SAMPLED):
            samples[count] = summed[row, column]
            count += 1
    sample = samples[:count]
    median = np.float32(np.median(sample))
    spread = _DEVIATION_OF_MEDIAN * np.float32(np.median(np.abs(sample - median)))
    # Counts of a mean m scatter by sqrt(m), whatever a small sample says.
    return median, sigma * max(spread, np.sqrt(max(median, np.float32(1.0))))
