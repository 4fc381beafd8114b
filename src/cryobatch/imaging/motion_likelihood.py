"""How well shifted frames agree, with its slope: the likelihood that motion estimation climbs.

Frames are a common signal of power S, displaced, plus noise of power N, both known for each ring of
frequencies. Against the sum R of the other frames, the log-likelihood of a frame A displaced by d
is

    sum over k of w(k) Re(A(k) exp(2 pi i k d) conj R(k)),   w = 2 S / (N ((n - 1) S + N))

(a Wiener estimate of the signal from R, in a matched filter). Its first and second derivatives by d
are sums of the same kind, so that no correlation image is needed.

Arrays: spectra ``(patches, frames, rows, half)`` complex64; displacements ``(patches, frames, 2)``
float64, x and y, in Å, where frequencies are in 1/Å; k over the half plane of ``rfft2``.
"""

from dataclasses import dataclass

import numba
import numpy as np
from scipy.ndimage import gaussian_filter1d

from cryobatch.imaging import fourier
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray

_BLOCKED_LINES = 2
_SMOOTHING_RINGS = 1.0


@dataclass(frozen=True, slots=True)
class Geometry:
    """The frequencies of spectra.

    Attributes:
        shape: ``(rows, columns)`` of the images.
        y: ``(rows,)`` float64, 1/Å.
        x: ``(half,)`` float64, 1/Å.
        rings: ``(rows, half)`` int64, the ring of each frequency, one sampling step wide.
        usable: ``(rows, half)`` float32: 0 where the frame itself (its edges, uneven light, the
            camera's columns) is seen rather than the specimen; 1 elsewhere, but 0.5 where the
            half plane holds a frequency and its mirror image.
    """

    shape: tuple[int, int]
    y: FloatArray
    x: FloatArray
    rings: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    usable: ImageArray

    @property
    def magnitude(self) -> FloatArray:
        """``(rows, half)`` float64, 1/Å."""
        return np.hypot(self.y[:, None], self.x[None, :])


def make_geometry(
    shape: tuple[int, int], pixel_size_angstrom: tuple[float, float], longest_angstrom: float
) -> Geometry:
    """Describe the frequencies of images.

    Args:
        shape: ``(rows, columns)``.
        pixel_size_angstrom: Å a pixel along y and x.
        longest_angstrom: Structures larger than this are not used.
    """
    y, x = fourier.frequencies(shape, pixel_size_angstrom)
    row, column = fourier.frequencies(shape)
    k = np.hypot(y, x)
    step = min(float(abs(y[1, 0])), float(x[0, 1]))
    usable = np.ones(k.shape, np.float32)
    usable[k < max(1.0 / longest_angstrom, 3.0 * step)] = 0.0
    usable[np.abs(row[:, 0]) * shape[0] < _BLOCKED_LINES - 0.5, :] = 0.0
    usable[:, column[0] * shape[1] < _BLOCKED_LINES - 0.5] = 0.0
    usable[k > 0.5 / max(pixel_size_angstrom)] = 0.0
    rings = np.rint(k / step).astype(np.int64)
    return Geometry(shape, y[:, 0].astype(np.float64), x[0].astype(np.float64), rings, usable)


def phases(geometry: Geometry, shifts: FloatArray) -> tuple[SpectrumArray, SpectrumArray]:
    """Return what moves content back: ``(patches, frames, rows)`` and ``(.., half)`` complex64."""
    y = np.exp(2j * np.pi * shifts[..., 1:2] * geometry.y)
    x = np.exp(2j * np.pi * shifts[..., 0:1] * geometry.x)
    return y.astype(np.complex64), x.astype(np.complex64)


def measured_power(spectra: SpectrumArray) -> ImageArray:
    """Return ``(rows, half)`` float32: the power of all frames of all patches."""
    power: ImageArray = _power(spectra)
    return power


def weights(
    geometry: Geometry, power: ImageArray, sums: SpectrumArray, frames: float
) -> ImageArray:
    """Estimate signal and noise, and from them the weight of each frequency.

    Args:
        geometry: The frequencies.
        power: Of ``measured_power``.
        sums: ``(patches, rows, half)`` complex64, the aligned frames' sum.
        frames: How many frames are in it (empty ones do not count).

    Returns:
        ``(rows, half)`` float32, w of the module's formula.
    """
    patches = sums.shape[0]
    coherent = (sums.real**2 + sums.imag**2).sum(axis=0)
    each = geometry.usable * (1.0 / patches)
    rings = geometry.rings.ravel()
    count = np.maximum(np.bincount(rings, (geometry.usable > 0.0).ravel()), 1e-9)
    total = np.bincount(rings, (power * each).ravel()) / count
    shared = np.bincount(rings, (coherent * each).ravel()) / count
    signal = (shared - total) / (frames * (frames - 1.0))
    signal = np.maximum(gaussian_filter1d(signal, _SMOOTHING_RINGS), 0.0)
    noise = np.maximum(gaussian_filter1d(total / frames, _SMOOTHING_RINGS) - signal, 1e-30)
    weight = 2.0 * signal / (noise * ((frames - 1.0) * signal + noise))
    result: ImageArray = (weight[geometry.rings] * geometry.usable).astype(np.float32)
    return result


def prior_weights(geometry: Geometry, power: ImageArray, frames: float) -> ImageArray:
    """Return weights for a start, when nothing is aligned: whitened, signal like a protein's.

    Returns:
        ``(rows, half)`` float32, as if the signal were a tenth of the noise, falling to 1/e in
        power at 25 Å.
    """
    rings = geometry.rings.ravel()
    count = np.maximum(np.bincount(rings), 1)
    noise = gaussian_filter1d(np.bincount(rings, power.ravel()) / count, _SMOOTHING_RINGS)
    noise = np.maximum(noise / frames, 1e-30)
    falling = np.exp(-((25.0 * geometry.magnitude) ** 2))
    weight = 0.2 * falling / (noise[geometry.rings] * (0.1 * frames + 1.0))
    result: ImageArray = (weight * geometry.usable).astype(np.float32)
    return result


@numba.njit(cache=True, parallel=True, nogil=True)
def _power(spectra):  # type: ignore[no-untyped-def]  # numba infers the types
    patches, frames, rows, half = spectra.shape
    power = np.zeros((rows, half), np.float32)
    for row in numba.prange(rows):
        for patch in range(patches):
            for frame in range(frames):
                for column in range(half):
                    value = spectra[patch, frame, row, column]
                    power[row, column] += value.real * value.real + value.imag * value.imag
    return power


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def aligned_sums(spectra, y, x):  # type: ignore[no-untyped-def]
    """Sum frames with their displacements undone: ``(patches, rows, half)`` complex64.

    Args:
        spectra: ``(patches, frames, rows, half)`` complex64.
        y: ``(patches, frames, rows)`` complex64, of ``phases``.
        x: ``(patches, frames, half)`` complex64, of ``phases``.
    """
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
def derivatives(spectra, sums, y, x, weight, ky, kx):  # type: ignore[no-untyped-def]
    """Differentiate the log-likelihood of every frame by its displacement, in 1/Å and 1/Å².

    Args:
        spectra: ``(patches, frames, rows, half)`` complex64.
        sums: ``(patches, rows, half)`` complex64, all frames aligned.
        y: Phases that align along y.
        x: Phases that align along x.
        weight: ``(rows, half)`` float32.
        ky: ``(rows,)`` float64, 1/Å.
        kx: ``(half,)`` float64, 1/Å.

    Returns:
        ``(patches, frames, 5)`` float64: slopes along x and y, and the curvatures -xx, -xy, -yy.
    """
    patches, frames, rows, half = spectra.shape
    result = np.zeros((patches, frames, 5))
    for task in numba.prange(patches * frames):
        patch, frame = task // frames, task % frames
        gx, gy, hxx, hxy, hyy = 0.0, 0.0, 0.0, 0.0, 0.0
        for row in range(rows):
            phase = y[patch, frame, row]
            s0, s1, t0, t1, t2 = 0.0, 0.0, 0.0, 0.0, 0.0
            for column in range(half):
                w = weight[row, column]
                if w == 0.0:
                    continue
                moved = spectra[patch, frame, row, column] * (phase * x[patch, frame, column])
                other = sums[patch, row, column] - moved
                re = w * (moved.real * other.real + moved.imag * other.imag)
                im = w * (moved.imag * other.real - moved.real * other.imag)
                k = kx[column]
                s0 += im
                s1 += im * k
                t0 += re
                t1 += re * k
                t2 += re * k * k
            gx -= s1
            gy -= s0 * ky[row]
            hxx += t2
            hxy += t1 * ky[row]
            hyy += t0 * ky[row] * ky[row]
        turn = 2.0 * np.pi
        result[patch, frame, 0] = gx * turn
        result[patch, frame, 1] = gy * turn
        result[patch, frame, 2] = hxx * turn * turn
        result[patch, frame, 3] = hxy * turn * turn
        result[patch, frame, 4] = hyy * turn * turn
    return result
