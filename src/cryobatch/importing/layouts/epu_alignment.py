"""Lay the picture of a square onto the stage by the holes that EPU has found in it."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from cryobatch.formats.epu_overview import EpuOverview
from cryobatch.formats.epu_session import EpuHole
from cryobatch.imaging.arrays import FloatArray

LEAST_HOLES = 6
MOST_RESIDUAL_UM = 1.0
"""Holes that are further off were corrected one by one, and say nothing of the whole picture."""
MOST_SCALE_ERROR = 0.2


def align(picture: EpuOverview, holes: Iterable[EpuHole]) -> EpuOverview:
    """Return a picture's place as its holes tell; what its XML says where they are too few.

    The magnifications of squares and exposures are not aligned to each other by some µm, which
    EPU's list of holes, with the place of each in the picture and on the stage, has taken out.

    Args:
        picture: The place that the picture's XML tells.
        holes: Holes of the square.
    """
    known = [one for one in holes if one.pixel is not None]
    if len(known) < LEAST_HOLES:
        return picture
    centre = np.array([picture.columns / 2.0, picture.rows / 2.0])
    pixels = np.array([one.pixel for one in known], np.float64) - centre
    stage = np.array([one.stage for one in known], np.float64)
    fit = _fit(pixels, stage)
    near = np.hypot(*(_apply(fit, pixels) - stage).T) <= MOST_RESIDUAL_UM
    if np.count_nonzero(near) < LEAST_HOLES:
        return picture
    fit = _fit(pixels[near], stage[near])
    (right_x, right_y), (down_x, down_y), (x, y) = ((float(a), float(b)) for a, b in fit)
    scale = abs(right_x * down_y - right_y * down_x)
    stated = abs(picture.right[0] * picture.down[1] - picture.right[1] * picture.down[0])
    if abs(scale / stated - 1.0) > MOST_SCALE_ERROR:
        return picture  # all in one row, or the list of another picture
    return replace(picture, x=x, y=y, right=(right_x, right_y), down=(down_x, down_y))


def _fit(pixels: FloatArray, stage: FloatArray) -> FloatArray:
    """Return ``(3, 2)``: steps of a pixel to the right and downwards, and the middle's place."""
    known = np.column_stack([pixels, np.ones(len(pixels))])
    found: FloatArray = np.linalg.lstsq(known, stage, rcond=None)[0].astype(np.float64)
    return found


def _apply(fit: FloatArray, pixels: FloatArray) -> FloatArray:
    placed: FloatArray = np.column_stack([pixels, np.ones(len(pixels))]) @ fit
    return placed
