"""Take frames between their pixels, along a motion that bends slowly, and add them up.

A frame is resampled along x, then along y, by the taps of ``interpolation``. The displacement is
taken as constant along tiles of a row, of 16 to 256 pixels, short enough there that it differs by
less than 0.04 pixels from their middle to their ends (by more only where the image is stretched by
more than 0.5 %, for which 16 pixels are too long), along y for two rows together.
"""

import math
from collections.abc import Sequence

import numba
import numpy as np

from cryobatch.imaging.interpolation import BEFORE, FRACTIONS, TAPS
from cryobatch.imaging.spline import bend
from cryobatch.imaging.vector_filter import SIXTEEN, filter_sixteen, filter_two_rows

AT_A_TIME = 4
"""Frames for one pass over the sums, whose reading and writing costs as much as resampling."""

_TILE = SIXTEEN
_MOST_TILES = 16
_TOLERATED_PX = 0.04
_ALIKE, _MIDDLE = 2, 0.5
"""Rows that are moved by the same displacements, those of their middle."""
_STEP = np.uintp(SIXTEEN)
_BAND_ROWS, _BLOCK = 96, 1024
"""Rows and columns for one look: what four frames make of them stays in the last cache, and the
rows that taps look at along y in the first."""
_ROW = _BLOCK + SIXTEEN
"""Room for a row of a block: rows a power of two apart would share their places in the cache."""


def bands(rows: int) -> Sequence[tuple[int, int]]:
    """Return first and last row, it not included, of what threads take one after another."""
    return [(first, min(first + _BAND_ROWS, rows)) for first in range(0, rows, _BAND_ROWS)]


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_resampled(  # type: ignore[no-untyped-def]  # numba infers the types
    frames, gain, count, moved, taps, part, fresh, sums, weights, begin, band
):
    """Undo the motion of up to four frames and add them up, in a band of rows.

    Args:
        frames: Four of ``(rows, columns)``, float32 or integers.
        gain: ``(rows, columns)`` float32 that they are multiplied by, ``(0, 0)``: by nothing.
        count: How many of them count.
        moved: ``(4, 2, 6)`` float64: displacement of the content along x and y, pixels, as terms
            1, u, u², v, v², uv of the place.
        taps: From ``interpolation_taps``.
        part: ``(rows, columns)`` float32: the sum of frames, all alike; ``(0, 0)`` if unwanted.
        fresh: Whether to begin ``part`` anew, not to add to it.
        sums: ``(sums, rows, columns)`` float32: running sums, added to.
        weights: ``(sums, 4)`` float32: of each frame in each of them.
        begin: Whether to begin ``sums`` anew, not to add to them.
        band: One of ``bands``.
    """
    rows, columns = frames[0].shape
    first, last = band
    line = np.empty(columns + 4 * TAPS + (_MOST_TILES + 1) * _TILE, np.float32)
    lines = np.empty((AT_A_TIME, _BAND_ROWS + 2 * TAPS, _ROW), np.float32)
    places = np.empty((_BLOCK // _TILE, 2), np.int64)
    lows, tiles = np.empty(AT_A_TIME, np.int64), np.empty(AT_A_TIME, np.int64)
    out = np.zeros((AT_A_TIME, _ALIKE, _ROW), np.float32)
    alike = np.zeros(AT_A_TIME, np.float32)
    alike[:count] = 1.0
    for left in range(0, columns, _BLOCK):
        sides = left, min(left + _BLOCK, columns)
        for number in range(count):
            terms = moved[number]
            tile = _tile(terms[1], band, sides, rows, columns)
            low, high = _reach(terms[1], tile, band, sides, rows, columns)
            if high - low > lines.shape[1]:
                grown = np.empty((AT_A_TIME, high - low, _ROW), np.float32)
                grown[:, : lines.shape[1]] = lines
                lines = grown
            lows[number], tiles[number] = low, tile
            tile = _tile(terms[0], band, sides, rows, columns)
            for row in range(low, high):
                start, end = _places(terms, tile, row, sides, rows, columns, places)
                _take(frames[number], gain, min(max(row, 0), rows - 1), start, end, line)
                to = np.uintp((row - low) * _ROW)
                _along_x(line, start, tile, sides[1] - left, places, taps, lines[number], to)
        for top in range(first, last, _ALIKE):
            for number in range(count):
                terms, tile = moved[number, 1], tiles[number]
                _along_y(
                    lines[number], lows[number], terms, tile, top, sides, rows, columns, taps,
                    out[number],
                )  # fmt: skip
            for row in range(top, min(top + _ALIKE, last)):
                at = row - top
                if part.size:
                    _add(out, at, alike, part[row, left : sides[1]], fresh)
                for index in range(sums.shape[0]):
                    _add(out, at, weights[index], sums[index, row, left : sides[1]], begin)


@numba.njit(cache=True, nogil=True, inline="always")
def _place(length, at):  # type: ignore[no-untyped-def]  # numba infers the types
    """Split a place into a pixel, near enough to the frame, and a number of the table of taps."""
    at = min(max(at, -float(TAPS)), length - 1.0 + TAPS)
    pixel = math.floor(at)
    return int(pixel), int((at - pixel) * FRACTIONS + 0.5)


@numba.njit(cache=True, nogil=True, inline="always")
def _tap(taps, n):  # type: ignore[no-untyped-def]  # numba infers the types
    return (
        taps[n, 0], taps[n, 1], taps[n, 2], taps[n, 3],
        taps[n, 4], taps[n, 5], taps[n, 6], taps[n, 7], taps[n, 8], taps[n, 9],
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _tile(terms, between, sides, rows, columns):  # type: ignore[no-untyped-def]
    """Return how many pixels of a block's row may be moved alike along an axis, given its terms."""
    steepest = 0.0
    # The slope is linear in space: it is largest in a corner.
    for row in between:
        for column in sides:
            u, v = column / columns - 0.5, row / rows - 0.5
            slope = terms[1] + 2.0 * terms[2] * u + terms[5] * v
            steepest = max(steepest, abs(slope) / columns)
    fitting = 2.0 * _TOLERATED_PX / max(steepest, 1e-9)
    return _TILE * int(min(max(fitting / _TILE, 1.0), float(_MOST_TILES)))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _reach(terms, tile, between, sides, rows, columns):  # type: ignore[no-untyped-def]
    """Return the first row that a block needs, and the row after its last one.

    Blocks are low: displacements between their first and last row lie between those of the two.
    """
    low, high = rows + 2 * TAPS, -2 * TAPS
    for row in (between[0], between[1] - 1):
        v = row / rows - 0.5
        for column in range(sides[0], sides[1], tile):
            u = (column + 0.5 * (tile - 1)) / columns - 0.5
            pixel, _ = _place(rows, row + bend(terms, u, v))
            low = min(low, pixel)
            high = max(high, pixel)
    return low - BEFORE - 1, high - BEFORE + TAPS + _ALIKE


@numba.njit(cache=True, nogil=True, fastmath=True)
def _places(terms, tile, row, sides, rows, columns, places):  # type: ignore[no-untyped-def]
    """Write where each tile of a row's block comes from; return the columns that they need."""
    low, high = columns - 1, 1
    v = row / rows - 0.5
    for number, start in enumerate(range(sides[0], sides[1], tile)):
        u = (start + 0.5 * (tile - 1)) / columns - 0.5
        # The displacement along x is that of the row where this one's content ends.
        there = v
        for _ in range(2):
            there = (row - bend(terms[1], u, there)) / rows - 0.5
        pixel, fraction = _place(columns, start + bend(terms[0], u, there))
        places[number, 0], places[number, 1] = pixel - BEFORE, fraction
        low = min(low, pixel - BEFORE)
        high = max(high, pixel - BEFORE + TAPS + min(tile, sides[1] - start))
    return low, high


@numba.njit(cache=True, nogil=True, fastmath=True)
def _take(frame, gain, row, low, high, line):  # type: ignore[no-untyped-def]
    """Write columns ``low`` to ``high`` of a row, times the gain; the border goes on outside."""
    first, last = max(low, 0), min(high, frame.shape[1])
    values, offset = frame[row], np.uintp(first - low)
    if gain.size:
        factors = gain[row]
        for column in range(np.uintp(first), np.uintp(last)):
            line[column - np.uintp(first) + offset] = np.float32(values[column]) * factors[column]
    else:
        for column in range(np.uintp(first), np.uintp(last)):
            line[column - np.uintp(first) + offset] = np.float32(values[column])
    line[: first - low] = line[first - low]
    line[last - low : high - low] = line[last - low - 1]


@numba.njit(cache=True, nogil=True)
def _along_x(line, low, tile, width, places, taps, out, to):  # type: ignore[no-untyped-def]
    """Write a row, at ``to`` of the flattened rows; some pixels beyond its end are no image."""
    for number, start in enumerate(range(0, width, tile)):
        filter_of = _tap(taps, places[number, 1])
        ahead = np.uintp(places[number, 0] - low) - np.uintp(start)
        for place in range(np.uintp(start), np.uintp(min(start + tile, width)), _STEP):
            filter_sixteen(line, ahead + place, np.uintp(1), filter_of, out, to + place)


@numba.njit(cache=True, nogil=True)
def _along_y(  # type: ignore[no-untyped-def]  # numba infers the types
    lines, low, terms, tile, row, sides, rows, columns, taps, out
):
    """Write two rows of a block, which are moved alike."""
    v = (row + _MIDDLE) / rows - 0.5
    for left in range(sides[0], sides[1], tile):
        u = (left + 0.5 * (tile - 1)) / columns - 0.5
        pixel, fraction = _place(rows, row + bend(terms, u, v))
        filter_of = _tap(taps, fraction)
        start, end = np.uintp(left - sides[0]), np.uintp(min(left + tile, sides[1]) - sides[0])
        above = min(max(pixel - BEFORE - low, 0), lines.shape[0] - TAPS - 1)
        at, step = np.uintp(above * _ROW), np.uintp(_ROW)
        for place in range(start, end, _STEP):
            filter_two_rows(lines, at + place, step, filter_of, out, place)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add(out, row, weights, total, begin):  # type: ignore[no-untyped-def]  # numba
    """Add a row of four frames by their weights to a row, or begin it with them."""
    a, b, c, d = weights[0], weights[1], weights[2], weights[3]
    one, two, three, four = out[0, row], out[1, row], out[2, row], out[3, row]
    if begin:
        for column in range(total.size):
            total[column] = a * one[column] + b * two[column] + c * three[column] + d * four[column]
    else:
        for column in range(total.size):
            total[column] += (
                a * one[column] + b * two[column] + c * three[column] + d * four[column]
            )
