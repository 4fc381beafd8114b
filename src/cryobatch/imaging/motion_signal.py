"""What frames have in common, and for how long: signal and noise of a movie, ring by ring.

Three things make up a frame's spectrum: a specimen that stays (power S), ice whose water diffuses
under the beam (power D, of which ``persistence ** lag`` is left ``lag`` frames later; McMullan et
al., Ultramicroscopy 158:26 (2015)), and noise (power N). They are told apart by how the correlation
of two aligned frames falls with the frames between them. Diffusion makes the persistence
exp(-c k²) of frequency k, with one number c for the whole movie.

Taking diffusing ice for something that stays would make neighbouring frames look more reliable than
they are, and slow errors of the motion with it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.motion_geometry import Geometry

_SMOOTHING_RINGS = 2.0
_MOST_LAGS = 8
_EMPHASIS_RINGS = 20.0
_LEAST_EMPHASIS = 0.1
_DECAYS = np.concatenate([[0.0], np.geomspace(0.3, 300.0, 24)])
"""Candidates for c, Å²: 2 pi² / 3 for each e/Å² a frame is what McMullan et al. saw."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How a frame is compared with the others, each ``(rows, half)`` float32.

    Attributes:
        staying: Weight of every other frame.
        passing: Weight besides, times ``memory`` to the power of the frames between.
        memory: See there.
        pairs: ``(frames, rings)`` float64, by frames between: what two frames' agreement in a ring
            of frequencies is expected to add to the curvature, but for a factor.
        neighbours: ``(rings,)`` float64: weight of a neighbouring frame.
    """

    staying: ImageArray
    passing: ImageArray
    memory: ImageArray
    pairs: FloatArray
    neighbours: FloatArray


def chosen_lags(frames: int) -> tuple[int, ...]:
    """Return distances between frames to measure correlations at: 0 and a few, ever sparser."""
    lags = np.unique(np.rint(np.geomspace(1.0, max(frames - 1, 1), _MOST_LAGS)).astype(int))
    return (0, *(int(lag) for lag in lags if lag < frames))


def ring_frequencies(geometry: Geometry) -> FloatArray:
    """Return ``(rings,)`` float64: the frequency of each ring, 1/Å."""
    return np.asarray(np.arange(geometry.ring_counts.size) * geometry.ring_step)


def estimate_weights(
    geometry: Geometry,
    correlations: FloatArray,
    lags: tuple[int, ...],
    present: FloatArray,
    patches: int,
) -> Weights:
    """Turn correlations into weights.

    Args:
        geometry: The frequencies.
        correlations: ``(lags, rings)``: sums over usable frequencies, patches and pairs of frames.
        lags: Frames between the two of a pair, 0 first.
        present: ``(frames,)``: 1, or 0 for an empty frame.
        patches: How many.
    """
    pairs = np.array([float(present[lag:] @ present[: present.size - lag]) for lag in lags])
    means = correlations / np.maximum(geometry.ring_counts, 1e-9)
    means /= np.maximum(pairs * patches, 1e-9)[:, None]
    rings: FloatArray = gaussian_filter1d(means, _SMOOTHING_RINGS, axis=1)
    frequency = ring_frequencies(geometry)
    total, shared = rings[0], rings[1:]
    precision = pairs[1:, None] * (geometry.ring_counts / np.maximum(total, 1e-30) ** 2)
    best: tuple[float, FloatArray, FloatArray, FloatArray] | None = None
    for decay in _DECAYS:
        persistence = np.exp(-decay * frequency**2)
        fades = persistence[None, :] ** np.array(lags[1:])[:, None]
        stays, passes = _two_powers(shared, fades, pairs[1:, None])
        misfit = float((precision * (shared - stays - passes * fades) ** 2).sum())
        if best is None or misfit < best[0]:
            best = (misfit, persistence, stays, passes)
    assert best is not None
    _, persistence, stays, passes = best
    noise = np.maximum(total - stays - passes, 0.05 * total + 1e-30)
    return _weights(geometry, stays, passes, persistence, noise, present)


def emphasis(geometry: Geometry, weights: Weights) -> ImageArray:
    """Return factors ``(rows, half)`` float32 that bring out what frames have in common.

    The contrast transfer function makes signal come and go within fewer frequencies than a small
    patch can tell apart: signal is mixed there with the noise of where there is none. Frames that
    are filtered by the root of their weights before patches are cut lose little by that. Broad
    differences stay as they are: patches measure those themselves.
    """
    counts, wanted = geometry.ring_counts, weights.neighbours
    broad = gaussian_filter1d(wanted * counts, _EMPHASIS_RINGS)
    broad /= np.maximum(gaussian_filter1d(counts, _EMPHASIS_RINGS), 1e-9)
    seen = (counts > 0.0) & (broad > 1e-6 * broad.max())
    ratio = np.where(seen, wanted / np.where(seen, broad, 1.0), 1.0)
    factors = np.sqrt((ratio + _LEAST_EMPHASIS) / (1.0 + _LEAST_EMPHASIS))
    return np.asarray(factors.astype(np.float32)[geometry.rings])


def _two_powers(
    shared: FloatArray, fades: FloatArray, pairs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Fit ``shared = stays + passes * fades`` in each ring, neither power negative."""
    weight = pairs / pairs.sum()
    mean, mean_fade = (weight * shared).sum(axis=0), (weight * fades).sum(axis=0)
    varies = (weight * (fades - mean_fade) ** 2).sum(axis=0)
    slope = (weight * (fades - mean_fade) * (shared - mean)).sum(axis=0) / (varies + 1e-3)
    passes = np.maximum(slope, 0.0)
    stays = mean - passes * mean_fade
    alone = np.maximum((weight * fades * shared).sum(axis=0), 0.0)
    alone /= np.maximum((weight * fades**2).sum(axis=0), 1e-9)
    passes = np.where(stays < 0.0, np.where(slope > 0.0, alone, 0.0), passes)
    return np.maximum(stays, 0.0), passes


def _weights(
    geometry: Geometry,
    stays: FloatArray,
    passes: FloatArray,
    persistence: FloatArray,
    noise: FloatArray,
    present: FloatArray,
) -> Weights:
    """Return minus the inverse covariance of the frames, off its diagonal, in its two parts.

    Passing signal in white noise has a Wiener smoother that falls exponentially, with ``memory``
    m + 1/m = (1 + p² + q) / p and q = D (1 - p²) / N; what stays adds a constant (Sherman-Morrison,
    with the passing signal as slow noise).
    """
    p, frames = np.clip(persistence, 1e-6, 0.9999), float(present.sum())
    q = passes * (1.0 - p**2) / noise
    half = 0.5 * (1.0 + p**2 + q) / p
    memory = 1.0 / (half + np.sqrt(np.maximum(half**2 - 1.0, 0.0)))
    passing = q / (p * np.maximum(1.0 / memory - memory, 1e-6) * noise)
    spread = (1.0 + p) / (1.0 - p) - 2.0 * p * (1.0 - p**frames) / (frames * (1.0 - p) ** 2)
    slow = noise + passes * np.clip(spread, 1.0, frames)
    staying = stays / slow**2 / (1.0 + frames * stays / slow)
    ring, usable = geometry.rings, geometry.usable
    lags = np.arange(present.size)[:, None]
    return Weights(
        (2.0 * staying).astype(np.float32)[ring] * usable,
        (2.0 * passing).astype(np.float32)[ring] * usable,
        memory.astype(np.float32)[ring],
        geometry.ring_counts
        * ring_frequencies(geometry) ** 2
        * (staying + passing * memory**lags)
        * (stays + passes * p**lags),
        staying + passing * memory,
    )
