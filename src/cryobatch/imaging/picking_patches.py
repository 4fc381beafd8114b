"""Patches about places in a micrograph, and what they tell of the places' surroundings."""

import math
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation

PointArray: TypeAlias = NDArray[np.int64]
"""Pixels: ``(n, 2)``, x and y."""

_INSIDE = 0.4
_AROUND = (0.6, 0.8)
# Rings about a place, in diameters; the fourth is the first that lies around a particle.
_RINGS = (0.24, 0.34, 0.44, 0.54, 0.64, 0.75)
_FIRST_AROUND = 3
# A neighbour covers less than half of them.
_SECTORS = 8
_FEW_PLACES = 8
# Below, a sector of a ring may hold no pixel.
_FEW_PIXELS = 7.0
# Simulated particles reached 4.4 and a person's picks 3.4; drops a third wider began at 4.8.
_DARK_DEVIATIONS = 4.5
# How far such a drop reaches, in diameters.
_REACH = 0.75
_TINY = 1e-6


def patches_about(image: ImageArray, points: PointArray, half: int) -> FloatArray:
    """Return ``(m, 2 half + 1, 2 half + 1)`` float64: those patches that lie within the image."""
    rows, columns = image.shape
    x, y = points[:, 0], points[:, 1]
    inside = (x >= half) & (y >= half) & (x < columns - half) & (y < rows - half)
    if not inside.any():
        return np.empty((0, 2 * half + 1, 2 * half + 1))
    windows = np.lib.stride_tricks.sliding_window_view(image, (2 * half + 1, 2 * half + 1))
    patches: FloatArray = windows[y[inside] - half, x[inside] - half].astype(np.float64)
    return patches


def distances(half: int) -> FloatArray:
    """Return ``(2 half + 1, 2 half + 1)`` float64: how far pixels lie from a patch's middle."""
    axis = np.arange(-half, half + 1, dtype=np.float64)
    return np.hypot(axis[:, None], axis[None, :])


def contrast(image: ImageArray, points: PointArray, diameter_px: float) -> float:
    """Return how much brighter particles are inside than around them: the median, 0 for none."""
    half = math.ceil(_AROUND[1] * diameter_px)
    patches = patches_about(image, points, half)
    if not len(patches):
        return 0.0
    distance = distances(half) / diameter_px
    around = (distance > _AROUND[0]) & (distance < _AROUND[1])
    inside = patches[:, distance < _INSIDE].mean(axis=1)
    return float(np.median(inside - patches[:, around].mean(axis=1)))


def on_drops(image: ImageArray, points: PointArray, diameter_px: float) -> MaskArray:
    """Return ``(n,)`` bool: which places go on where the others end, and what lies on such a one.

    Rings about a place are compared with those that places have as a rule, scaled to what this one
    is like; of a ring the median of its sectors counts, so that a neighbour does not. How much the
    first ring around may differ, the places tell themselves. Fewer than eight, or particles of
    fewer than seven pixels, tell nothing.

    Args:
        image: ``(rows, columns)`` float32, particles bright, background about 0.
        points: ``(n, 2)`` x and y.
        diameter_px: The particles' diameter.
    """
    if len(points) < _FEW_PLACES or diameter_px < _FEW_PIXELS:
        return np.zeros(len(points), dtype=bool)
    rings = _rings(image, points, diameter_px)
    usual = np.median(rings, axis=0)
    # As einsum, for a product of matrices takes all threads.
    strength = np.einsum("nr,r->n", rings, usual) / max(float(np.sum(usual**2)), _TINY)
    left = rings[:, _FIRST_AROUND] - strength * usual[_FIRST_AROUND]
    left -= np.median(left)
    wider = points[left > _DARK_DEVIATIONS * max(deviation(left), _TINY)]
    reach = np.hypot(*(points[:, None] - wider[None]).transpose(2, 0, 1)) < _REACH * diameter_px
    found: MaskArray = reach.any(axis=1)
    return found


def _rings(image: ImageArray, points: PointArray, diameter_px: float) -> FloatArray:
    """Return ``(n, rings)``: medians of the sectors' means, mirrored beyond the borders."""
    half = math.ceil(_RINGS[-1] * diameter_px)
    padded = np.pad(image, half, mode="symmetric")
    patches = patches_about(padded, points + half, half)
    distance = distances(half) / diameter_px
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    sector = np.floor((np.arctan2(y, x) / (2.0 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    rings = []
    for inner, outer in pairwise(_RINGS):
        ring = (distance >= inner) & (distance < outer)
        parts = [patches[:, ring & (sector == each)].mean(axis=1) for each in range(_SECTORS)]
        rings.append(np.median(parts, axis=0))
    return np.stack(rings, axis=1)
