"""How well shifted frames agree, with its slope: the likelihood that motion estimation climbs.

Frames are Gaussian with a covariance between them (``motion_signal``), displaced. The
log-likelihood of displacements d is, but for a constant,

    sum over k, i, j != i of w_ij(k) Re(A_i(k) conj A_j(k) exp(2 pi i k (d_i - d_j))) / 2

with w_ij = staying + passing * memory ** |i - j|. Its first and second derivatives by a d_i are
sums of the same kind over a running reference, so that no correlation image is needed.

Arrays: spectra ``(patches, frames, rows, half)`` complex64; phases of ``Geometry.phases``.
"""

import numba
import numpy as np


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
def correlations(spectra, y, x, lags):  # type: ignore[no-untyped-def]
    """Correlate aligned frames that lie ``lags`` apart.

    Returns:
        ``(lags, rows, half)`` float64: sums over patches and pairs of Re(A_i conj A_j).
    """
    patches, frames, rows, half = spectra.shape
    result = np.zeros((len(lags), rows, half))
    for row in numba.prange(rows):
        re = np.empty((frames, half), np.float32)
        im = np.empty((frames, half), np.float32)
        for patch in range(patches):
            _align_row(spectra[patch], y[patch], x[patch], row, re, im)
            for index in range(len(lags)):
                lag = lags[index]
                for frame in range(frames - lag):
                    for column in range(half):
                        result[index, row, column] += (
                            re[frame, column] * re[frame + lag, column]
                            + im[frame, column] * im[frame + lag, column]
                        )
    return result


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def derivatives(spectra, y, x, staying, passing, memory, ky, kx):  # type: ignore[no-untyped-def]
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

    Returns:
        ``(patches, frames, 7)`` float64: slopes along x and y, the curvatures -xx, -xy, -yy, the
        agreement with the other frames, and the variance that it has if there is none.
    """
    patches, frames, rows, half = spectra.shape
    parts = np.zeros((rows, patches, frames, 7))
    for row in numba.prange(rows):
        re = np.empty((frames, half), np.float32)
        im = np.empty((frames, half), np.float32)
        other_re = np.empty((frames, half), np.float32)
        other_im = np.empty((frames, half), np.float32)
        for patch in range(patches):
            _align_row(spectra[patch], y[patch], x[patch], row, re, im)
            _refer(re, staying[row], passing[row], memory[row], other_re)
            _refer(im, staying[row], passing[row], memory[row], other_im)
            for frame in range(frames):
                _differentiate(
                    re[frame], im[frame], other_re[frame], other_im[frame], ky[row], kx,
                    parts[row, patch, frame],
                )  # fmt: skip
    return parts.sum(axis=0)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _align_row(spectra, y, x, row, re, im):  # type: ignore[no-untyped-def]
    for frame in range(spectra.shape[0]):
        phase = y[frame, row]
        for column in range(spectra.shape[2]):
            moved = spectra[frame, row, column] * (phase * x[frame, column])
            re[frame, column] = moved.real
            im[frame, column] = moved.imag


@numba.njit(cache=True, nogil=True, fastmath=True)
def _refer(values, staying, passing, memory, reference):  # type: ignore[no-untyped-def]
    """Fill ``reference`` with what each frame is compared with: all others, weighted."""
    frames, half = values.shape
    running = np.zeros(half, np.float32)
    for frame in range(frames):
        for column in range(half):
            running[column] += values[frame, column]
    for frame in range(frames):
        for column in range(half):
            others = running[column] - values[frame, column]
            reference[frame, column] = staying[column] * others
    running[:] = 0.0
    for frame in range(frames):
        for column in range(half):
            reference[frame, column] += passing[column] * running[column]
            running[column] = memory[column] * (running[column] + values[frame, column])
    running[:] = 0.0
    for frame in range(frames - 1, -1, -1):
        for column in range(half):
            reference[frame, column] += passing[column] * running[column]
            running[column] = memory[column] * (running[column] + values[frame, column])


@numba.njit(cache=True, nogil=True, fastmath=True)
def _differentiate(re, im, other_re, other_im, ky, kx, out):  # type: ignore[no-untyped-def]
    zero = np.float32(0.0)
    s0, s1, t0, t1, t2, spread = zero, zero, zero, zero, zero, zero
    for column in range(re.size):
        k = kx[column]
        agree = re[column] * other_re[column] + im[column] * other_im[column]
        turned = im[column] * other_re[column] - re[column] * other_im[column]
        s0 += turned
        s1 += turned * k
        t0 += agree
        t1 += agree * k
        t2 += agree * k * k
        own = re[column] * re[column] + im[column] * im[column]
        other = other_re[column] * other_re[column] + other_im[column] * other_im[column]
        spread += np.float32(0.5) * own * other
    turn = 2.0 * np.pi
    out[0] = -turn * s1
    out[1] = -turn * s0 * ky
    out[2] = turn * turn * t2
    out[3] = turn * turn * t1 * ky
    out[4] = turn * turn * t0 * ky * ky
    out[5] = t0
    out[6] = spread
