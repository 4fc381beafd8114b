"""Replace bad pixels by good neighbours."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import MaskArray, RawFrame

_NEAREST = 2
_FARTHEST = 64
_WANTED = 8


@dataclass(frozen=True, slots=True)
class Repair:
    """Where to take the values of bad pixels from.

    Args:
        bad: ``(bad pixels,) int64``, places in the flattened frame.
        first: ``(bad pixels + 1,) int64``, where each one's neighbours start in ``neighbours``.
        neighbours: ``int64``, places of good pixels near it.
    """

    bad: NDArray[np.int64]
    first: NDArray[np.int64]
    neighbours: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bad)

    def rows(self, columns: int) -> NDArray[np.int64]:
        """Return which rows it reads or changes, in frames of so many columns."""
        return np.unique(np.concatenate([self.bad, self.neighbours]) // columns)

    def changed_rows(self, columns: int) -> NDArray[np.int64]:
        """Return which rows it changes, in frames of so many columns."""
        return np.unique(self.bad // columns)


def plan_repair(bad: MaskArray, wanted: MaskArray | None = None) -> Repair:
    """Find the good neighbours of bad pixels.

    The window around each grows from 5 x 5 pixels until it has eight good ones, and ends at 129 x
    129 pixels. A pixel that has no good one there stays as it is: no camera has such a hole.

    Args:
        bad: ``(rows, columns)``: no value is taken from these.
        wanted: ``(rows, columns)``: those of them to replace; None: all.
    """
    places = np.flatnonzero(bad if wanted is None else wanted)
    first, neighbours = _find_neighbours(np.ascontiguousarray(bad), places)
    return Repair(places, first, neighbours)


def fill_gain(gain: ImageArray, repair: Repair) -> None:
    """Give bad pixels the mean gain of those that they get their counts from, in place.

    A pixel that nothing replaces keeps its own, 0 where that is none.

    Args:
        gain: ``(rows, columns) float32``, C order.
        repair: Of the frames that it is for.
    """
    if not len(repair):
        return
    flat = gain.reshape(-1)
    count = np.diff(repair.first)
    places = np.minimum(repair.first[:-1], max(0, len(repair.neighbours) - 1))
    total = np.zeros(len(repair))
    if len(repair.neighbours):
        total = np.add.reduceat(flat[repair.neighbours].astype(np.float64), places)
    own = flat[repair.bad]
    own = np.where(np.isfinite(own) & (own > 0), own, 0.0)
    flat[repair.bad] = np.where(count > 0, total / np.maximum(count, 1), own)


def repair_frame(frame: RawFrame, repair: Repair, seed: int) -> None:
    """Replace the bad pixels of a frame in place.

    Each gets the value of one of its good neighbours, by a lot that differs from frame to frame: a
    mean would be smoother than its surroundings, and the same neighbour in every frame would make
    a pattern that frames align to.

    Args:
        frame: ``(rows, columns)``, C order, of any number type.
        repair: From ``plan_repair`` for this shape.
        seed: Decides the lot, such as the frame's number.
    """
    if not len(repair):
        return
    # numba knows no 16-bit floats; values are only moved, so that their bits will do.
    values = frame.view(np.uint16) if frame.dtype == np.float16 else frame
    _repair(values.reshape(-1), repair.bad, repair.first, repair.neighbours, seed)


@njit(cache=True, nogil=True)
def _find_neighbours(bad, places):  # type: ignore[no-untyped-def]  # numba infers the types
    rows, columns = bad.shape
    first = np.zeros(len(places) + 1, np.int64)
    found = [np.int64(0) for _ in range(0)]
    for number in range(len(places)):
        row, column = divmod(places[number], columns)
        reach = _NEAREST
        while True:
            start = len(found)
            for y in range(max(0, row - reach), min(rows, row + reach + 1)):
                for x in range(max(0, column - reach), min(columns, column + reach + 1)):
                    if not bad[y, x]:
                        found.append(y * columns + x)  # noqa: PERF401 - numba's list
            if len(found) - start >= _WANTED or reach >= _FARTHEST:
                break
            del found[start:]
            reach *= 2
        first[number + 1] = len(found)
    return first, np.array(found, dtype=np.int64)


@njit(cache=True, nogil=True)
def _repair(frame, bad, first, neighbours, seed):  # type: ignore[no-untyped-def]  # numba
    for number in range(len(bad)):
        count = first[number + 1] - first[number]
        if count == 0:
            continue
        lot = _hash(np.uint64(bad[number]), np.uint64(seed)) % np.uint64(count)
        frame[bad[number]] = frame[neighbours[first[number] + np.int64(lot)]]


@njit(cache=True, nogil=True)
def _hash(place, seed):  # type: ignore[no-untyped-def]  # numba infers the types
    """Mix two numbers (the finaliser of SplitMix64: Steele et al., OOPSLA 2014)."""
    mixed = place * np.uint64(0x9E3779B97F4A7C15) + seed * np.uint64(0xD1B54A32D192ED03)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
