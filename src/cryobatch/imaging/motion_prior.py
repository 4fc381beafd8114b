"""What is known of a specimen's motion before a movie is looked at.

Motion is fast at first and slows down (Brilot et al., J. Struct. Biol. 177:630 (2012)); whole
frames accelerate, wander (each step by itself, as in Zivanov et al., IUCrJ 6:5 (2019)) and shake
(each frame by itself); film bends smoothly in space and time,
but for a burst in the first frames. How large each of these is differs
from movie to movie. They are measured with the motion itself, as those that make what was seen
most probable, whatever the motion was (evidence; MacKay, Neural Computation 4:415 (1992)): a strong
movie is free to move as it likes, and the noise of a weak one is not taken for motion.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import TEMPORAL_TERMS
from cryobatch.imaging.motion_time import TIME_TERMS

SPATIAL_MEANS = np.array([1.0, 0.0, 1.0 / 12.0, 0.0, 1.0 / 12.0, 0.0])
"""Means of 1, u, u², v, v², uv over a frame: local motion is what is left."""

_SPATIAL_DEVIATIONS = np.array([12.0**-0.5, 180.0**-0.5, 12.0**-0.5, 180.0**-0.5, 1.0 / 12.0])
_BENDING = np.array([1.0, 0.6, 1.0, 0.6, 0.6])
_EARLY_BENDING = np.array([1.0, 0.3, 1.0, 0.3, 0.3])
_VELOCITY_DECAY = 0.2
_VELOCITY_REST = 0.3
_VELOCITY_CORRELATION = 0.5
_ACCELERATION_DECAY = 0.12
_ACCELERATION_REST = 0.25
_FAR_ANGSTROM = 100.0
_LEAST_ANGSTROM = 1e-3
_FACTORS_KNOWN = 1.5
"""Deviation of the logarithm of what motion is to what is expected of it."""
_FINER = (2.0, 1.3)
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Scales:
    """How large motion is expected to be, along an axis.

    Attributes:
        shaking_angstrom: Deviation of a whole frame's place, alone.
        wandering_angstrom: Deviation of a whole frame's step, alone.
        acceleration_angstrom: Deviation of the change of its step, early in the movie.
        local_angstrom: Deviation of the local displacement at the end, by each term of space.
        early_angstrom: The same of what bends early, where that is furthest.
    """

    shaking_angstrom: float = 0.1
    wandering_angstrom: float = 0.1
    acceleration_angstrom: float = 0.2
    local_angstrom: float = 0.3
    early_angstrom: float = 0.02


@dataclass(frozen=True, slots=True)
class Prior:
    """Covariances of the unknowns along one axis, at scales of 1 Å.

    Attributes:
        shaking: ``(frames, frames)`` float64, as are ``wandering`` and ``accelerating``.
        wandering: See there.
        accelerating: See there.
        free: The same, of what may be as large as it likes: a place and a steady drift.
        local: ``(20, 20)`` float64, of local motion's terms but the spatial constant: what they
            say of the polynomial.
        early: The same, of what bends early.
    """

    shaking: FloatArray
    wandering: FloatArray
    accelerating: FloatArray
    free: FloatArray
    local: FloatArray
    early: FloatArray

    def root(self, scales: Scales, unknowns: int) -> FloatArray:
        """Return L, ``(unknowns, unknowns)``: L times its transpose is an axis' covariance.

        Args:
            scales: How large motion is.
            unknowns: Frames; and 20 more where there is local motion.
        """
        shaking = max(scales.shaking_angstrom, _LEAST_ANGSTROM)
        whole = (
            self.free
            + shaking**2 * self.shaking
            + scales.wandering_angstrom**2 * self.wandering
            + scales.acceleration_angstrom**2 * self.accelerating
        )
        root = np.linalg.cholesky(whole)
        if unknowns > len(whole):
            early = max(scales.early_angstrom, _LEAST_ANGSTROM)
            local = scales.local_angstrom**2 * self.local + early**2 * self.early
            root = scipy.linalg.block_diag(root, np.linalg.cholesky(local))
        return np.asarray(root)


def make_prior(frames: int) -> Prior:
    """Return the prior for a movie of so many frames."""
    time = np.arange(frames) / max(frames - 1, 1)
    steps = np.tril(np.ones((frames, max(frames - 1, 0))), -1)
    bends = steps @ np.tril(np.ones((frames - 1, max(frames - 2, 0))), -1)
    bends = bends * (_ACCELERATION_REST + np.exp(-time / _ACCELERATION_DECAY))[1 : frames - 1]
    free: FloatArray = _FAR_ANGSTROM**2 * (1.0 + np.outer(time, time))
    in_time = scipy.linalg.block_diag(_time_covariance(), 0.0), np.diag(np.eye(TIME_TERMS)[-1])
    local, early = (
        np.asarray(np.kron(np.diag((bending / _SPATIAL_DEVIATIONS) ** 2), covariance))
        for bending, covariance in zip((_BENDING, _EARLY_BENDING), in_time, strict=True)
    )
    return Prior(np.eye(frames), steps @ steps.T, bends @ bends.T, free, local, early)


def _time_covariance() -> FloatArray:
    """Return ``(3, 3)``: covariance of t, t², t³ of a motion that slows down, 1 Å² at the end."""
    time = np.linspace(0.0, 1.0, 65)
    size = _VELOCITY_REST + np.exp(-time / _VELOCITY_DECAY)
    distance = time[:, None] - time[None, :]
    velocity = np.outer(size, size) * np.exp(-0.5 * (distance / _VELOCITY_CORRELATION) ** 2)
    place = velocity.cumsum(axis=0).cumsum(axis=1)
    terms = np.stack([time, time**2, time**3], axis=-1)
    project = np.linalg.pinv(terms)
    covariance = project @ (place / place[-1, -1]) @ project.T
    return np.asarray(
        covariance + 1e-3 * np.trace(covariance) / TEMPORAL_TERMS * np.eye(TEMPORAL_TERMS)
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the frames say of the unknowns, as a log-likelihood: b x - x A x / 2.

    Attributes:
        curvature: A, ``(2 unknowns, 2 unknowns)`` float64; it may be singular.
        target: b, ``(2 unknowns,)`` float64.
    """

    curvature: FloatArray
    target: FloatArray

    def best(self, prior: Prior, scales: Scales) -> FloatArray:
        """Return the most probable unknowns, ``(2 unknowns,)`` float64, at some scales."""
        unknowns = self.target.size // 2
        root = prior.root(scales, unknowns)
        axes = slice(None, unknowns), slice(unknowns, None)
        factors = [scipy.linalg.cho_factor(self._inner(root, axis)) for axis in axes]
        found = np.zeros(self.target.size)
        # What the axes say of each other is little: a few rounds, and no product so large that
        # BLAS's threads wake and wait at full speed.
        for _ in range(_ROUNDS):
            for axis, other, factor in zip(axes, axes[::-1], factors, strict=True):
                target = self.target[axis] - self.curvature[axis, other] @ found[other]
                found[axis] = root @ scipy.linalg.cho_solve(factor, root.T @ target)
        return found

    def _inner(self, root: FloatArray, axis: slice) -> FloatArray:
        """Return what an axis' unknowns, in units of what is expected of them, add up to."""
        inner: FloatArray = root.T @ self.curvature[axis, axis] @ root
        return inner + np.eye(len(root))

    def scales(self, prior: Prior, start: Scales) -> Scales:
        """Return the most probable scales, searched for from some on, by ever smaller factors."""
        local = self.target.size > 2 * len(prior.free)
        names = ("shaking", "wandering", "acceleration", *(("local", "early") if local else ()))
        best = self._probability(prior, start), start
        for factor in _FINER:
            for name in names:
                for by in (factor, 1.0 / factor):
                    best = self._follow(prior, best, f"{name}_angstrom", by)
        return best[1]

    def _follow(
        self, prior: Prior, best: tuple[float, Scales], name: str, by: float
    ) -> tuple[float, Scales]:
        """Multiply one scale by a factor as long as that makes it more probable."""
        while True:
            scales = replace(best[1], **{name: by * getattr(best[1], name)})
            probability = self._probability(prior, scales)
            if probability <= best[0]:
                return best
            best = probability, scales

    def _probability(self, prior: Prior, scales: Scales) -> float:
        """Return the logarithm of the scales' probability, but for a constant.

        What the axes say of each other is left out.
        """
        unknowns = self.target.size // 2
        root, gain = prior.root(scales, unknowns), 0.0
        for axis in (slice(None, unknowns), slice(unknowns, None)):
            lower = np.linalg.cholesky(self._inner(root, axis))
            seen = scipy.linalg.solve_triangular(lower, root.T @ self.target[axis], lower=True)
            gain += 0.5 * float(seen @ seen) - float(np.log(np.diag(lower)).sum())
        usual = Scales()
        odd = [
            np.log(getattr(scales, name) / getattr(usual, name)) / _FACTORS_KNOWN
            for name in Scales.__slots__
        ]
        return gain - 0.5 * float(np.square(odd).sum())
