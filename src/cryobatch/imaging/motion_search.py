"""A first look at how far whole frames have moved, from nothing: peaks of correlation images."""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.ndimage import gaussian_filter1d

from cryobatch.imaging import fourier, motion_likelihood
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.motion_frames import CoarseFrames
from cryobatch.imaging.motion_geometry import Geometry, make_geometry

_PIXEL_ANGSTROM = 7.0
_FURTHEST_ANGSTROM = 150.0
_LARGEST_STRUCTURE_ANGSTROM = 400.0
_DETAIL_ANGSTROM = 25.0
_ROUNDS = 4


def search_shifts(frames: CoarseFrames, threads: int) -> FloatArray:
    """Find every frame's displacement to a fraction of a (very coarse) pixel.

    Each frame is correlated with the sum of the others, as far as they are aligned; a frame that
    moved alone finds those that stayed together, so the sum gets sharper in every round.

    Returns:
        ``(frames, 2)`` float64, x and y, Å, about their mean.
    """
    small = frames.coarser(_PIXEL_ANGSTROM)
    count = small.spectra.shape[0]
    geometry = make_geometry(small.shape, small.pixel_size_angstrom, _LARGEST_STRUCTURE_ANGSTROM)
    stack = small.spectra[None]
    weight = _first_weights(geometry, (np.abs(small.spectra) ** 2).sum(axis=0))
    shifts = np.zeros((count, 2))
    for _ in range(_ROUNDS):
        y, x = geometry.phases(shifts[None])
        total = motion_likelihood.aligned_sums(stack, y, x)[0]
        found = shifts.copy()
        lit = np.flatnonzero(small.present)
        place = functools.partial(_place, small, y[0], x[0], total, weight)
        with ThreadPoolExecutor(threads) as pool:
            for index, move in zip(lit, pool.map(place, lit), strict=True):
                found[index] += move
        found -= found[small.present > 0.0].mean(axis=0) if small.present.any() else 0.0
        change = float(np.abs(found - shifts).max())
        shifts = found
        if change < 0.25 * min(small.pixel_size_angstrom):
            break
    return _fill(shifts, small.present)


def _place(
    small: CoarseFrames,
    y: SpectrumArray,
    x: SpectrumArray,
    total: SpectrumArray,
    weight: ImageArray,
    index: int,
) -> FloatArray:
    """Return how far (x, y), Å, a frame lies off the sum of the others."""
    own = small.spectra[index] * (y[index][:, None] * x[index][None, :])
    product = weight * own * np.conj(total - own)
    return _peak(fourier.inverse(product, small.shape), small.pixel_size_angstrom)


def _first_weights(geometry: Geometry, power: ImageArray) -> ImageArray:
    """Return weights for when nothing is aligned: whitened, a protein's size before its detail."""
    rings = geometry.rings.ravel()
    count = np.maximum(np.bincount(rings), 1)
    noise = gaussian_filter1d(np.bincount(rings, power.ravel()) / count, 1.0)
    falling = np.exp(-((_DETAIL_ANGSTROM * geometry.magnitude) ** 2))
    weight = geometry.usable * falling / np.maximum(noise, 1e-30)[geometry.rings]
    return np.asarray(weight, dtype=np.float32)


def _peak(image: ImageArray, pixel_size_angstrom: tuple[float, float]) -> FloatArray:
    """Return the displacement (x, y), Å, at the highest point near the origin."""
    reach = [
        max(1, min(length // 4, int(_FURTHEST_ANGSTROM / pixel)))
        for length, pixel in zip(image.shape, pixel_size_angstrom, strict=True)
    ]
    near = np.roll(image, reach, axis=(0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    row, column = np.unravel_index(int(np.argmax(near)), near.shape)
    y = row - reach[0] + _vertex(near[:, column], int(row))
    x = column - reach[1] + _vertex(near[row, :], int(column))
    return np.array([x * pixel_size_angstrom[1], y * pixel_size_angstrom[0]])


def _vertex(line: ImageArray, place: int) -> float:
    """Return where a parabola through three points has its vertex, against the middle one."""
    if place in (0, line.size - 1):
        return 0.0
    before, here, after = (float(value) for value in line[place - 1 : place + 2])
    bend = before - 2.0 * here + after
    return 0.5 * (before - after) / bend if bend < 0.0 else 0.0


def _fill(shifts: FloatArray, present: FloatArray) -> FloatArray:
    """Give empty frames the displacement between their neighbours'."""
    known = np.flatnonzero(present)
    if known.size in (0, present.size):
        return shifts
    frames = np.arange(present.size)
    return np.stack([np.interp(frames, known, shifts[known, axis]) for axis in range(2)], axis=-1)
