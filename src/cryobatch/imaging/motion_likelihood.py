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

_SHARES = 16
"""Into so many the rows are divided, whatever threads there are: sums stay the same."""


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
    patches, frames, rows, _ = spectra.shape
    parts = np.zeros((_SHARES, len(lags), count))
    for share in numba.prange(_SHARES):
        for row in range(share, rows, _SHARES):
            columns = used[row]
            re = np.empty((frames, columns), np.float32)
            im = np.empty((frames, columns), np.float32)
            sums = np.zeros((len(lags), columns), np.float32)
            for patch in range(patches):
                _align_row(spectra[patch], y[patch], x[patch], row, re, im)
                for index in range(len(lags)):
                    lag = lags[index]
                    for frame in range(frames - lag):
                        _correlate(
                            re[frame], im[frame], re[frame + lag], im[frame + lag], sums[index]
                        )
            for index in range(len(lags)):
                for column in range(columns):
                    shared = usable[row, column] * sums[index, column]
                    parts[share, index, rings[row, column]] += shared
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
    patches, frames, rows, _ = spectra.shape
    parts = np.zeros((rows, patches, frames, 7))
    for row in numba.prange(rows):
        columns = used[row]
        re = np.empty((frames, columns), np.float32)
        im = np.empty((frames, columns), np.float32)
        past_re = np.empty((frames, columns), np.float32)
        past_im = np.empty((frames, columns), np.float32)
        running = np.empty((4, columns), np.float32)
        weights = np.stack((staying[row, :columns], passing[row, :columns], memory[row, :columns]))
        for patch in range(patches):
            _align_row(spectra[patch], y[patch], x[patch], row, re, im)
            running[:] = 0.0
            for frame in range(frames):
                _look_back(re[frame], weights[2], running[0], running[1], past_re[frame])
                _look_back(im[frame], weights[2], running[2], running[3], past_im[frame])
            running[0], running[2] = 0.0, 0.0
            for frame in range(frames - 1, -1, -1):
                _differentiate(
                    re[frame], im[frame], past_re[frame], past_im[frame], running, weights,
                    ky[row], kx, parts[row, patch, frame],
                )  # fmt: skip
    return parts.sum(axis=0)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _align_row(spectra, y, x, row, re, im):  # type: ignore[no-untyped-def]
    for frame in range(spectra.shape[0]):
        phase = y[frame, row]
        for column in range(re.shape[1]):
            moved = spectra[frame, row, column] * (phase * x[frame, column])
            re[frame, column] = moved.real
            im[frame, column] = moved.imag


@numba.njit(cache=True, nogil=True, fastmath=True)
def _correlate(re, im, other_re, other_im, sums):  # type: ignore[no-untyped-def]
    for column in range(sums.size):
        sums[column] += re[column] * other_re[column] + im[column] * other_im[column]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _look_back(values, memory, running, total, past):  # type: ignore[no-untyped-def]
    """Write what is remembered of earlier frames, and take this one in."""
    for column in range(values.size):
        past[column] = running[column]
        running[column] = memory[column] * (running[column] + values[column])
        total[column] += values[column]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _differentiate(  # type: ignore[no-untyped-def]  # numba infers the types
    re, im, past_re, past_im, running, weights, ky, kx, out
):
    """Compare a frame with all others: the past, the running future and the total."""
    future_re, total_re, future_im, total_im = running
    staying, passing, memory = weights
    zero = np.float32(0.0)
    s0, s1, t0, t1, t2, spread = zero, zero, zero, zero, zero, zero
    for column in range(re.size):
        k, stays, passes, fade = kx[column], staying[column], passing[column], memory[column]
        a, b = re[column], im[column]
        near_re = past_re[column] + future_re[column]
        near_im = past_im[column] + future_im[column]
        other_re = stays * (total_re[column] - a) + passes * near_re
        other_im = stays * (total_im[column] - b) + passes * near_im
        future_re[column] = fade * (future_re[column] + a)
        future_im[column] = fade * (future_im[column] + b)
        agree = a * other_re + b * other_im
        turned = b * other_re - a * other_im
        s0 += turned
        s1 += turned * k
        t0 += agree
        t1 += agree * k
        t2 += agree * k * k
        spread += (a * a + b * b) * (other_re * other_re + other_im * other_im)
    turn = 2.0 * np.pi
    out[0] = -turn * s1
    out[1] = -turn * s0 * ky
    out[2] = turn * turn * t2
    out[3] = turn * turn * t1 * ky
    out[4] = turn * turn * t0 * ky * ky
    out[5] = t0
    out[6] = 0.5 * spread
