"""Keep gold beads and the like out of what motion is estimated from.

A gold bead is the strongest thing in sight, at all frequencies, and may slide over the specimen
while the beam is on: frames would be aligned by it. Compact places that stand out far beyond what
protein, ice crystals or a film's edge do are replaced, in the estimate's coarse frames alone, by
their surroundings' mean. Where a bead slides, all its path is: a window that moved along would have
frames aligned by its edge.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cryobatch.imaging import fourier
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation
from cryobatch.imaging.motion_frames import CoarseFrames
from cryobatch.imaging.smoothing import gaussian

_PIXEL_ANGSTROM = 10.0
_SMOOTHING_ANGSTROM = 20.0
_SURROUNDINGS_ANGSTROM = 60.0
_SUMS = 8
_LIMIT_DEVIATIONS = 15.0
"""Simulated gold of 100 Å stood out by 55 and more, among ice crystals and ethane by 32; protein,
crystals, ethane and a carbon film's edge by 7 at most, real micrographs of apoferritin by 8."""
_MARGIN_ANGSTROM = 40.0
"""Around what stands out, for fringes: detail of k lies lambda defocus k beside what it is of."""
_EDGE_ANGSTROM = 40.0
_LARGEST_PART = 0.3


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place to be replaced.

    Attributes:
        rows: Of the coarse frames, with some of the surroundings.
        columns: Likewise.
        kept: ``(rows, columns)`` float32: 0 inside the spot, 1 in its surroundings.
    """

    rows: slice
    columns: slice
    kept: ImageArray

    def blank(self, image: ImageArray) -> None:
        """Replace the spot by its surroundings' mean, in place."""
        part = image[self.rows, self.columns]
        around = self.kept == 1.0
        mean = part[around].mean() if around.any() else np.float32(0.0)
        part -= mean
        part *= self.kept
        part += mean


def blank_bright_spots(frames: CoarseFrames, threads: int) -> float:
    """Replace gold and the like by their surroundings' mean, in place, unless they are too much.

    Args:
        frames: The frames, whose spectra change.
        threads: Frames to work on at a time.

    Returns:
        Part of the area that such spots and a margin cover; nothing is replaced where that is more
        than ``is_too_much`` allows.
    """
    small = frames.coarser(_PIXEL_ANGSTROM)
    kept = _kept(_standing_out(small, threads), small.pixel_size_angstrom)
    part = 1.0 - float(kept.mean())
    if part == 0.0 or is_too_much(part):
        return part
    spots = _spots(kept, frames.shape)

    def blank(index: int) -> None:
        image = frames.image(index)
        for spot in spots:
            spot.blank(image)
        frames.spectra[index] = fourier.forward(image)
        frames.spectra[index, 0, 0] = 0.0

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(blank, np.flatnonzero(frames.present)))
    return part


def is_too_much(part: float) -> bool:
    """Return whether spots cover so much that the rest would not do."""
    return part > _LARGEST_PART


def _standing_out(small: CoarseFrames, threads: int) -> MaskArray:
    """Return ``(rows, columns)`` bool: what stands out in the sum of all or of a few frames.

    In a few frames, because what slides is blurred in the sum of all.
    """
    lit = np.flatnonzero(small.present)
    found = np.zeros(small.shape, dtype=bool)

    def judge(group: NDArray[np.intp]) -> MaskArray:
        image = fourier.inverse(small.spectra[group].sum(axis=0), small.shape)
        prominence = _prominence(image, max(small.pixel_size_angstrom))
        return np.asarray(prominence > _LIMIT_DEVIATIONS)

    groups = [lit, *np.array_split(lit, min(_SUMS, lit.size))] if lit.size else []
    with ThreadPoolExecutor(threads) as pool:
        for standing_out in pool.map(judge, groups):
            found |= standing_out
    return found


def _prominence(image: ImageArray, pixel_size_angstrom: float) -> ImageArray:
    """Return how far places differ from their surroundings, in deviations."""
    smooth = gaussian(image, _SMOOTHING_ANGSTROM / pixel_size_angstrom)
    smooth -= gaussian(image, _SURROUNDINGS_ANGSTROM / pixel_size_angstrom)
    smooth -= np.median(smooth)
    return np.asarray(np.abs(smooth) / max(deviation(smooth), 1e-30), dtype=np.float32)


def _kept(found: MaskArray, pixel_size_angstrom: tuple[float, float]) -> ImageArray:
    """Return ``(rows, columns)`` float32: 0 up to a margin around spots, rising to 1 beyond."""
    if not found.any():
        return np.ones(found.shape, np.float32)
    away = ndimage.distance_transform_edt(~found, sampling=pixel_size_angstrom)
    ramp = np.clip((away - _MARGIN_ANGSTROM) / _EDGE_ANGSTROM, 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * ramp), dtype=np.float32)


def _spots(kept: ImageArray, shape: tuple[int, int]) -> Sequence[_Spot]:
    """Return the places, on frames of so many rows and columns."""
    factors = shape[0] / kept.shape[0], shape[1] / kept.shape[1]
    labels, _ = ndimage.label(kept < 1.0)
    spots = []
    for box in ndimage.find_objects(labels):
        rows, columns = (
            slice(
                max(0, int((side.start - 2) * factor)), min(length, int((side.stop + 2) * factor))
            )
            for side, factor, length in zip(box, factors, shape, strict=True)
        )
        at = (
            np.arange(each.start, each.stop) / factor
            for each, factor in zip((rows, columns), factors, strict=True)
        )
        y, x = np.meshgrid(*at, indexing="ij")
        inside = ndimage.map_coordinates(kept, (y, x), order=1, mode="nearest")
        spots.append(_Spot(rows, columns, np.asarray(inside, np.float32)))
    return spots
