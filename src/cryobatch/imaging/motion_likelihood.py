"""How well shifted frames agree, with its slope: the likelihood that motion estimation climbs.

Frames are Gaussian with a covariance between them (``motion_signal``), displaced. The
log-likelihood of displacements d is, but for a constant,

    sum over k, i, j != i of w_ij(k) Re(A_i(k) conj A_j(k) exp(2 pi i k (d_i - d_j))) / 2

with w_ij = staying + passing * memory ** |i - j|. Its first and second derivatives by a d_i are
sums of the same kind over a running reference, so that no correlation image is needed.

Arrays: spectra ``(patches, frames, rows, half)`` complex64; phases of ``Geometry.phases``. Of every
row only the columns below ``Geometry.used_columns`` are looked at, or written.
"""

import numba
import numpy as np

_TOGETHER = 1024
"""Frequencies, of a few whole rows, that are looked at together: calls are spread over many, and
what all frames have of them stays in the cache. Sums are the same whatever threads there are."""

_PARTS = 64
"""Sums of some groups of rows: one for each group would be tens of megabytes to add up."""


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def aligned_sums(spectra, y, x):  # type: ignore[no-untyped-def]  # numba infers the types
    """Sum frames with their displacements undone: ``(patches, rows, half)`` complex64."""
    patches, frames, rows, half = spectra.shape
    sums = np.zeros((patches, rows, half), np.complex64)
    for task in numba.prange(patches * rows):
        patch, row = task // rows, task % rows
        for frame in range(frames):
            phase = y[patch, frame, row]
            for column in range(half):
                moved = spectra[patch, frame, row, column] * (phase * x[patch, frame, column])
                sums[patch, row, column] += moved
    return sums


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def correlations(spectra, y, x, lags, used, usable, rings, count):  # type: ignore[no-untyped-def]
    """Correlate aligned frames that lie ``lags`` apart.

    Args:
        spectra: ``(patches, frames, rows, half)`` complex64.
        y: Phases that align along y.
        x: Phases that align along x.
        lags: ``(lags,)`` int64, frames between the two of a pair.
        used: ``(rows,)`` int64, columns to look at.
        usable: ``(rows, half)`` float32, weights of frequencies.
        rings: ``(rows, half)`` int64, the ring of each frequency.
        count: How many rings there are.

    Returns:
        ``(lags, rings)`` float64: sums over frequencies, patches and pairs of Re(A_i conj A_j).
    """
    patches, frames = spectra.shape[:2]
    starts = _row_groups(used)
    groups = starts.size - 1
    parts = np.zeros((min(_PARTS, groups), len(lags), count))
    for number in numba.prange(len(parts)):
        for group in range(number, groups, len(parts)):
            first, last = starts[group], starts[group + 1]
            size = used[first:last].sum()
            re = np.empty((frames, size), np.float32)
            im = np.empty((frames, size), np.float32)
            sums = np.zeros((len(lags), size), np.float32)
            for patch in range(patches):
                _align_rows(spectra[patch], y[patch], x[patch], first, last, used, re, im)
                for index in range(len(lags)):
                    _correlate_all(re, im, lags[index], sums[index])
            for index in range(len(lags)):
                place = 0
                for row in range(first, last):
                    for column in range(used[row]):
                        shared = usable[row, column] * sums[index, place]
                        parts[number, index, rings[row, column]] += shared
                        place += 1
    return parts.sum(axis=0)


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def derivatives(spectra, y, x, staying, passing, memory, ky, kx, used):  # type: ignore[no-untyped-def]
    """Differentiate the log-likelihood by every displacement, in 1/Å and 1/Å².

    Args:
        spectra: ``(patches, frames, rows, half)`` complex64.
        y: Phases that align along y.
        x: Phases that align along x.
        staying: ``(rows, half)`` float32, as are ``passing`` and ``memory``.
        passing: Weight of a frame that is near.
        memory: By how much that falls from frame to frame.
        ky: ``(rows,)`` float32, 1/Å.
        kx: ``(half,)`` float32, 1/Å.
        used: ``(rows,)`` int64, columns to look at.

    Returns:
        ``(patches, frames, 7)`` float64: slopes along x and y, the curvatures -xx, -xy, -yy, the
        agreement with the other frames, and the variance that it has if there is none.
    """
    patches, frames = spectra.shape[:2]
    starts = _row_groups(used)
    groups = starts.size - 1
    parts = np.zeros((min(_PARTS, groups), patches, frames, 7))
    for number in numba.prange(len(parts)):
        for group in range(number, groups, len(parts)):
            first, last = starts[group], starts[group + 1]
            size = used[first:last].sum()
            re = np.empty((frames, size), np.float32)
            im = np.empty((frames, size), np.float32)
            near_re = np.empty((frames, size), np.float32)
            near_im = np.empty((frames, size), np.float32)
            total = np.empty((2, size), np.float32)
            running = np.empty(size, np.float32)
            places = _gather(staying, passing, memory, ky, kx, first, last, used)
            for patch in range(patches):
                _align_rows(spectra[patch], y[patch], x[patch], first, last, used, re, im)
                _look_around(re, places[2], near_re, total[0], running)
                _look_around(im, places[2], near_im, total[1], running)
                for frame in range(frames):
                    _differentiate(
                        re[frame], im[frame], near_re[frame], near_im[frame], total[0], total[1],
                        places, parts[number, patch, frame],
                    )  # fmt: skip
    return parts.sum(axis=0)


@numba.njit(cache=True, nogil=True)
def _row_groups(used):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the first rows of groups of rows, and the row after the last one."""
    starts, size = [0], 0
    for row in range(used.size):
        if size and size + used[row] > _TOGETHER:
            starts.append(row)
            size = 0
        size += used[row]
    starts.append(used.size)
    return np.array(starts)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _align_rows(spectra, y, x, first, last, used, re, im):  # type: ignore[no-untyped-def]
    """Write what is used of some rows, one after another, the frames' displacements undone."""
    for frame in range(spectra.shape[0]):
        start = 0
        for row in range(first, last):
            values, along_x, phase = spectra[frame, row], x[frame], y[frame, row]
            end = start + used[row]
            line_re, line_im = re[frame, start:end], im[frame, start:end]
            for column in range(line_re.size):
                moved = values[column] * (phase * along_x[column])
                line_re[column] = moved.real
                line_im[column] = moved.imag
            start = end


@numba.njit(cache=True, nogil=True)
def _gather(staying, passing, memory, ky, kx, first, last, used):  # type: ignore[no-untyped-def]
    """Return ``(5, frequencies)`` of some rows: the weights, kx and ky."""
    places = np.empty((5, used[first:last].sum()), np.float32)
    start = 0
    for row in range(first, last):
        end = start + used[row]
        for index, values in enumerate((staying[row], passing[row], memory[row], kx)):
            places[index, start:end] = values[: used[row]]
        places[4, start:end] = ky[row]
        start = end
    return places


@numba.njit(cache=True, nogil=True, fastmath=True)
def _correlate_all(re, im, lag, sums):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add the products of all frames with those so many further."""
    for frame in range(re.shape[0] - lag):
        _correlate(re[frame], im[frame], re[frame + lag], im[frame + lag], sums)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _correlate(re, im, other_re, other_im, sums):  # type: ignore[no-untyped-def]
    for column in range(sums.size):
        sums[column] += re[column] * other_re[column] + im[column] * other_im[column]


# A loop is vectorised only where few arrays could overlap: these write to two at most.


@numba.njit(cache=True, nogil=True)
def _look_around(values, memory, near, total, running):  # type: ignore[no-untyped-def]
    """Write what each frame remembers of earlier and later ones, and the sum of all."""
    last = values.shape[0] - 1
    near[0, :], total[:], running[:] = 0.0, values[last], 0.0
    for frame in range(last):
        _look_back(near[frame], values[frame], memory, near[frame + 1], total)
    for frame in range(last - 1, -1, -1):
        _look_ahead(values[frame + 1], memory, running, near[frame])


@numba.njit(cache=True, nogil=True, fastmath=True)
def _look_back(before, values, memory, near, total):  # type: ignore[no-untyped-def]
    for column in range(near.size):
        near[column] = memory[column] * (before[column] + values[column])
        total[column] += values[column]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _look_ahead(values, memory, running, near):  # type: ignore[no-untyped-def]
    for column in range(near.size):
        remembered = memory[column] * (running[column] + values[column])
        running[column] = remembered
        near[column] += remembered


@numba.njit(cache=True, nogil=True, fastmath=True)
def _differentiate(  # type: ignore[no-untyped-def]  # numba infers the types
    re, im, near_re, near_im, total_re, total_im, places, out
):
    """Compare a frame with all others, those near and the total; add what that says."""
    # Rows taken by unpacking would be strided arrays to the compiler, and the loop no vectors.
    staying, passing, kx, ky = places[0], places[1], places[3], places[4]
    zero = np.float32(0.0)
    sx, sy, txx, txy, tyy, t, spread = zero, zero, zero, zero, zero, zero, zero
    for column in range(re.size):
        a, b, x, y = re[column], im[column], kx[column], ky[column]
        stays, passes = staying[column], passing[column]
        other_re = stays * (total_re[column] - a) + passes * near_re[column]
        other_im = stays * (total_im[column] - b) + passes * near_im[column]
        agree = a * other_re + b * other_im
        turned = b * other_re - a * other_im
        sx += turned * x
        sy += turned * y
        t += agree
        txx += agree * x * x
        txy += agree * x * y
        tyy += agree * y * y
        spread += (a * a + b * b) * (other_re * other_re + other_im * other_im)
    turn = 2.0 * np.pi
    out[0] -= turn * sx
    out[1] -= turn * sy
    out[2] += turn * turn * txx
    out[3] += turn * turn * txy
    out[4] += turn * turn * tyy
    out[5] += t
    out[6] += 0.5 * spread
