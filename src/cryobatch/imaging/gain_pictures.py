"""Pictures of a gain reference beside raw counts, by which a person sees whether they agree."""

import numpy as np

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import find_dead_pixels
from cryobatch.imaging.thumbnail import Picture, fourier_crop, grey_picture, thumbnail_shape

WHOLE_PX = 384
"""Longest side of a picture."""
CLIPPED_PERCENT = 1.0
CUT_PERCENT = 0.01
"""Hot pixels and gold, cut before a picture is made small: they would ring."""


def expected_counts(gain: ImageArray) -> ImageArray:
    """Return what an evenly lit camera would count, relative: bright where raw counts are bright.

    Args:
        gain: ``(rows, columns) float32``, multiplicative; 0 is a dead pixel, which counts nothing.
    """
    dead = find_dead_pixels(gain)
    counts = np.zeros_like(gain)
    np.divide(1.0, gain, out=counts, where=~dead)
    return np.where(np.isfinite(counts), counts, np.float32(0.0))


def shrink_counts(counts: ImageArray) -> ImageArray:
    """Return counts, without outliers, small enough to be shown."""
    low, high = np.percentile(counts[::3, ::3], [CUT_PERCENT, 100.0 - CUT_PERCENT])
    cut = np.clip(counts, low, high)
    return fourier_crop(cut, thumbnail_shape(counts.shape, WHOLE_PX))


def draw_counts(counts: ImageArray) -> Picture:
    """Return counts in grey, row 0 at the bottom, the brightest and darkest pixels clipped."""
    low, high = np.percentile(counts, [CLIPPED_PERCENT, 100.0 - CLIPPED_PERCENT])
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return grey_picture((counts - low) / (high - low))
