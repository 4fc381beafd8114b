"""Tell from a movie's raw counts whether its gain reference fits, and turned which way.

A pixel that counts more than its neighbours in every frame needs a smaller gain. So the raw sum of
a movie shows the pattern of one over the gain, beside the specimen and the noise of counting. Both
are compared pixel by pixel after the mean of their surroundings was taken off, which leaves the
camera's pattern and hardly anything of the specimen.

With x the relative excess of a pixel's raw sum and y that of one over its gain, the fit is the
slope of x on y, sum(x y) / sum(y²): 1 when the reference is the camera's, 0 when it is not, with
the standard error sd(x) / (sd(y) sqrt(n)). For each other orientation of the reference likewise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import RawFrame, orient_reference

TILE = 128
TILES = 8
"""A million pixels in 64 tiles: an error of the fit of 0.02 or less at usual doses and gains."""
SURROUNDINGS = 7
"""Pixels: wide enough to keep the camera's pattern, too narrow for the specimen's."""
CLIP_DEVIATIONS = 5.0
"""Where hot pixels, defects, gold and crystals are cut."""
MOST_ERROR = 0.1
"""Of a fit that still tells something."""
LEAST_FIT = 0.3
"""A reference that fits less is another camera's, or was made for another state of this one."""
LEAST_MARGIN = 0.15
CERTAIN_ERRORS = 8.0
"""How many standard errors make a difference certain, over all movies of a facility's year."""
FLAT_DEVIATION = 1e-4
"""A gain that varies less has no pattern to find."""

Tiles = NDArray[np.float32]
"""``(tile rows, tile columns, rows, columns)``."""


@dataclass(frozen=True, slots=True, order=True)
class Orientation:
    """How a gain reference is turned: rotated first, then flipped, as `orient_reference` does.

    Args:
        rotation: Turns of 90°.
        flip: 0 none, 1 upside down, 2 left to right.
    """

    rotation: int = 0
    flip: int = 0


ORIENTATIONS = (
    Orientation(0, 0), Orientation(1, 0), Orientation(2, 0), Orientation(3, 0),
    Orientation(0, 1), Orientation(0, 2), Orientation(1, 1), Orientation(1, 2),
)  # fmt: skip
"""The 8 that differ, of the 12 that rotation and flip can name."""


class GainVerdict(StrEnum):
    """What the raw counts say of a gain reference."""

    FITS = "fits"
    TURNED = "turned"
    FOREIGN = "foreign"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class GainEvidence:
    """How well a gain reference fits, as it was oriented and turned further.

    Args:
        fit: As it was oriented: 1 fits, 0 does not.
        error: Standard error of any fit.
        best: How it must be turned further to fit best; `Orientation()` when it need not.
        best_fit: Its fit then.
        fits: The fit of each orientation that the frames' shape admits, turned further.
    """

    fit: float
    error: float
    best: Orientation
    best_fit: float
    fits: Mapping[Orientation, float] = field(default_factory=dict)

    @property
    def verdict(self) -> GainVerdict:
        """Return what follows; what is not clear is undecided."""
        if self.error > MOST_ERROR:
            return GainVerdict.UNDECIDED
        margin = max(LEAST_MARGIN, CERTAIN_ERRORS * self.error)
        if self.best_fit >= LEAST_FIT and self.best_fit - self.fit > margin:
            return GainVerdict.TURNED
        if self.best_fit + CERTAIN_ERRORS * self.error / 2 < LEAST_FIT:
            return GainVerdict.FOREIGN
        return GainVerdict.FITS if self.fit >= LEAST_FIT else GainVerdict.UNDECIDED


def weigh_gain(summed: RawFrame, gain: ImageArray, *, corrected: bool) -> GainEvidence | None:
    """Weigh a gain reference against a movie's sum.

    Args:
        summed: ``(rows, columns)``: sum of the frames, not aligned.
        gain: ``(rows, columns) float32``, multiplicative, as it was applied; 0 is a dead pixel.
        corrected: Whether the frames were multiplied by it before they were summed.

    Returns:
        The evidence; None where there is none, because the gain is flat or nothing was counted.
    """
    good, sensitivity = _invert(_cut_tiles(gain))
    counts = _cut_tiles(summed)
    if corrected:
        counts *= sensitivity  # undoes the gain
    pattern = _excess(sensitivity, good)
    strength = float(np.square(pattern).sum(dtype=np.float64))
    if strength <= FLAT_DEVIATION**2 * pattern.size:
        return None
    excess = _excess(counts, good)
    spread = float(np.square(excess).sum(dtype=np.float64))
    if spread == 0.0:
        return None
    square = gain.shape[0] == gain.shape[1]
    fits = {
        turn: float(np.vdot(excess, _turn(pattern, turn))) / strength
        for turn in ORIENTATIONS
        if square or turn.rotation % 2 == 0
    }
    best = max(fits, key=lambda turn: fits[turn])
    error = float(np.sqrt(spread / strength / np.count_nonzero(good)))
    return GainEvidence(fits[Orientation()], error, best, fits[best], fits)


def turn_further(present: Orientation, further: Orientation) -> Orientation:
    """Return the orientation that two, one after the other, come to.

    >>> turn_further(Orientation(1, 0), Orientation(3, 0))
    Orientation(rotation=0, flip=0)

    Args:
        present: Applied first; one of all 12.
        further: Applied then.
    """
    corners = np.arange(6).reshape(2, 3)
    wanted = _orient(_orient(corners, present), further)
    return next(one for one in ORIENTATIONS if np.array_equal(_orient(corners, one), wanted))


def _orient(reference: RawFrame, turn: Orientation) -> RawFrame:
    return orient_reference(reference, turn.rotation, turn.flip)


def _turn(tiles: Tiles, turn: Orientation) -> Tiles:
    """Turn an image that was cut into tiles, whose places must be symmetric."""
    for axes in ((0, 1), (2, 3)):
        tiles = np.rot90(tiles, -turn.rotation, axes)
        if turn.flip:
            tiles = np.flip(tiles, axes[turn.flip - 1])
    return np.ascontiguousarray(tiles)


def _cut_tiles(image: RawFrame) -> Tiles:
    """Return tiles whose places are symmetric about the middle; of a small image all of it."""
    if image.size <= 2 * (TILE * TILES) ** 2 or min(image.shape) < TILE * TILES:
        return image[None, None].astype(np.float32)
    rows, columns = (_places(size) for size in image.shape)
    return np.stack(
        [np.stack([image[y : y + TILE, x : x + TILE] for x in columns]) for y in rows]
    ).astype(np.float32)


def _places(size: int) -> list[int]:
    """Return where tiles begin, the second half mirrored from the first."""
    half = [round(number * (size - TILE) / (TILES - 1)) for number in range(TILES // 2)]
    return [*half, *(size - TILE - place for place in reversed(half))]


def _invert(gain: Tiles) -> tuple[NDArray[np.bool_], Tiles]:
    """Return which pixels are good, and how much they count, 1 for the others."""
    good = np.isfinite(gain) & (gain > 0)
    sensitivity = np.ones_like(gain)
    np.divide(1.0, gain, out=sensitivity, where=good)
    good &= np.isfinite(sensitivity)
    return good, np.where(good, sensitivity, np.float32(1.0))


def _excess(tiles: Tiles, good: NDArray[np.bool_]) -> Tiles:
    """Return by what part each pixel exceeds its surroundings; 0 for bad ones, the rest clipped."""
    filled = np.where(good, tiles, np.float32(np.median(tiles[good]) if good.any() else 0.0))
    around = uniform_filter1d(uniform_filter1d(filled, SURROUNDINGS, axis=2), SURROUNDINGS, axis=3)
    excess = np.zeros_like(filled)
    np.divide(filled - around, around, out=excess, where=good & (around > 0))
    # A median of all of them would take longer than the rest.
    sample = np.abs(excess[..., ::5, ::5])
    limit = CLIP_DEVIATIONS * float(np.median(sample)) * 1.4826
    if limit > 0.0:
        np.clip(excess, -limit, limit, out=excess)
    return excess
