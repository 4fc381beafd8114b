"""Decode the electrons of EER movies, all hardware frames of a dose fraction together.

Format: Guo et al., IUCrJ 7 (2020) 860, with the bits' order of RELION's reader. A hardware frame is
a list of run lengths, the lowest bit first: so many pixels without an electron, then, unless that
is the largest number that fits, an electron, and its place within the pixel along x and y, the
highest bit of both inverted. The runs come to the number of pixels.

A hardware frame touches every fifth line of the cache once, and a fraction has twenty and more. So
all are decoded for some rows, then for the next ones: counts stay in the cache meanwhile.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cryobatch.formats.eer_bits import EventBits
from cryobatch.formats.eight_bytes import load_eight
from cryobatch.formats.mrc_pixels import Frame

SLACK = 8
"""Bytes behind the last frame's that are touched besides."""

_BAND_BYTES = 1 << 17
_QUARTERS_BITS = 2


def add_events(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    bits: EventBits,
    shape: tuple[int, int],
    counts: Frame,
) -> None:
    """Add the electrons of some hardware frames to the pixels that they fell into.

    Args:
        data: Their bytes, one after the other, and `SLACK` more.
        ends: ``(frames + 1,)``: places in ``data`` where each begins, and where the last one ends.
        bits: How electrons are written.
        shape: Rows and columns of the camera.
        counts: ``(rows, columns)`` of the camera's pixels, of their halves or of their quarters;
            added to.

    Raises:
        ValueError: Runs come to fewer or more pixels than there are.
    """
    finer = counts.shape[0] // shape[0]
    if counts.shape != (shape[0] * finer, shape[1] * finer) or finer not in (1, 2, 4):
        raise ValueError(f"counts of {counts.shape} do not fit a camera of {shape}")
    if not bits.are_sensible or data.size < int(ends[-1]) + SLACK:
        raise ValueError(f"{bits} cannot be read, or bytes are missing")
    band = max(1, _BAND_BYTES // max(1, shape[1] * finer * finer * counts.itemsize))
    broken = _add_events(data, ends, bits.skip, bits.x, bits.y, shape, band, counts)
    if broken >= 0:
        raise ValueError(f"the electrons of hardware frame {broken + 1} of these are broken")


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _add_events(data, ends, skip_bits, x_bits, y_bits, shape, band, counts):  # type: ignore[no-untyped-def]
    """Return the first frame that is broken, -1 where all are whole."""
    rows, columns = shape
    frames, pixels, finer = len(ends) - 1, rows * columns, counts.shape[0] // rows
    bit = ends[:-1] * 8
    pixel = np.zeros(frames, np.int64)
    longest = (1 << skip_bits) - 1
    within = x_bits + y_bits
    x_mask, y_mask = (1 << x_bits) - 1, (1 << y_bits) - 1
    x_half, y_half = (1 << x_bits) >> 1, (1 << y_bits) >> 1
    coarser = 0 if finer == 4 else 1
    flat = counts.reshape(-1)
    for top in range(0, rows, band):
        limit = min(top + band, rows) * columns
        for frame in range(frames):
            here, place, end = bit[frame], pixel[frame], ends[frame + 1] * 8
            while place < limit:
                if here + skip_bits > end:
                    return frame
                eight = np.int64(load_eight(data, here >> 3) >> np.uint64(here & 7))
                skip = eight & longest
                if skip == longest:
                    place += longest
                    here += skip_bits
                    continue
                if place + skip >= limit:
                    if place + skip >= pixels:
                        place += skip
                    break
                place += skip
                eight >>= skip_bits
                here += skip_bits + within
                if here > end:
                    return frame
                if finer == 1:
                    flat[place] += 1
                else:
                    x = ((((eight & x_mask) ^ x_half) << _QUARTERS_BITS) >> x_bits) >> coarser
                    y = ((((eight >> x_bits) & y_mask) ^ y_half) << _QUARTERS_BITS) >> y_bits
                    y >>= coarser
                    row, column = place // columns, place % columns
                    counts[row * finer + y, column * finer + x] += 1
                place += 1
            if place > pixels:
                return frame
            bit[frame], pixel[frame] = here, place
    return -1
