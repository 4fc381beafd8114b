"""One Newton step of all motion parameters together.

Unknown are the whole-frame shifts and, where there are patches, the polynomial of space and time.
Every patch of every frame says how it wants to move (slope) and how sure it is (curvature); the
step is the weighted least-squares answer to all of them and to the prior (``motion_prior``). A
frame without content has no say and follows its neighbours.

A displacement that all frames of a patch share cannot be seen, so terms are centred in time; and
since the other frames that a frame is compared with move too, the step is (n - 1) / n of the
single-frame one.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import COEFFICIENTS, SPATIAL_TERMS, TEMPORAL_TERMS
from cryobatch.imaging.motion_prior import SPATIAL_MEANS, Prior, Scales

_CURVATURE_FLOOR = 0.15
_FAR_ANGSTROM = 1000.0


@dataclass(frozen=True, slots=True)
class Parameters:
    """Motion in Å, against the first frame.

    Attributes:
        shifts: ``(frames, 2)`` float64, whole frames.
        local: ``(2, 6, 3)`` float64 of the polynomial, its time running from 0 to 1.
    """

    shifts: FloatArray
    local: FloatArray

    def towards(self, other: "Parameters", factor: float) -> "Parameters":
        """Return where one comes by going so many times the way to another motion."""
        shifts = self.shifts + factor * (other.shifts - self.shifts)
        return Parameters(shifts, self.local + factor * (other.local - self.local))

    def coefficients_px(self, pixel_size_angstrom: float) -> FloatArray:
        """Return ``(2, 18)`` float64 in pixels, with time in frames, as the model wants them."""
        last = max(self.shifts.shape[0] - 1, 1)
        per_frame = float(last) ** -np.arange(1.0, TEMPORAL_TERMS + 1.0)
        return (self.local * per_frame / pixel_size_angstrom).reshape(2, COEFFICIENTS)

    def displacements(self, space: FloatArray) -> FloatArray:
        """Return ``(patches, frames, 2)``, Å, where ``space`` is ``(patches, 6)`` terms."""
        time = unit_time_terms(self.shifts.shape[0])
        result: FloatArray = self.shifts[None] + np.einsum(
            "ast,ps,ft->pfa", self.local, space, time
        )
        return result


def unit_time_terms(frames: int) -> FloatArray:
    """Return ``(frames, 3)``: t, t², t³ with t from 0 to 1."""
    time = np.arange(frames) / max(frames - 1, 1)
    return np.stack([time, time**2, time**3], axis=-1)


@dataclass(frozen=True, slots=True)
class Step:
    """Where a Newton step leads.

    Attributes:
        parameters: The motion after it.
        scales: How large motion is, by what is known after it.
        change_angstrom: The largest change of a displacement.
    """

    parameters: Parameters
    scales: Scales
    change_angstrom: float


def newton_step(
    current: Parameters,
    slopes: FloatArray,
    present: FloatArray,
    space: FloatArray | None,
    prior: Prior,
    scales: Scales,
    longest_step: float,
) -> Step:
    """Climb the posterior by one step.

    Args:
        current: Where to start from.
        slopes: ``(patches, frames, 7)`` of ``motion_likelihood.derivatives`` there.
        present: ``(frames,)``: 1, or 0 for an empty frame.
        space: ``(patches, 6)`` terms at the patches, or None to move whole frames.
        prior: What is expected, at unit scales.
        scales: Its scales.
        longest_step: No displacement changes by more, Å.
    """
    design, at = _design(current, slopes.shape[0], space)
    unknowns = design.shape[-1]
    normal, target = _normal_equations(design, *_pooled(slopes, present))
    precision = np.kron(np.eye(2), _precision(prior, scales, unknowns))
    covariance = np.linalg.inv(normal + precision)
    count = max(float(present.sum()), 2.0)
    change = covariance @ (target - precision @ at.ravel()) * ((count - 1.0) / count)
    change = change.reshape(2, unknowns)
    after, largest = _apply(current, change, space, longest_step)
    return Step(after, prior.rescaled(scales, at + change, covariance), largest)


def _normal_equations(
    design: FloatArray, gradient: FloatArray, curvature: FloatArray
) -> tuple[FloatArray, FloatArray]:
    unknowns = design.shape[-1]
    normal = np.zeros((2 * unknowns, 2 * unknowns))
    target = np.zeros(2 * unknowns)
    for axis in range(2):
        here = slice(axis * unknowns, (axis + 1) * unknowns)
        target[here] = np.einsum("pf,pfu->u", gradient[..., axis], design)
        for other in range(2):
            there = slice(other * unknowns, (other + 1) * unknowns)
            weighted = design * curvature[..., axis + other, None]
            # Patch by patch: for larger products BLAS wakes threads, which then wait at full speed.
            normal[here, there] = (weighted.transpose(0, 2, 1) @ design).sum(axis=0)
    return normal, target


def _precision(prior: Prior, scales: Scales, unknowns: int) -> FloatArray:
    frames = prior.whole.shape[0]
    precision = np.zeros((unknowns, unknowns))
    precision[:frames, :frames] = prior.whole / scales.acceleration_angstrom**2
    precision[:frames, :frames] += _FAR_ANGSTROM**-2.0 * np.eye(frames)
    if unknowns > frames:
        precision[frames:, frames:] = prior.local / scales.local_angstrom**2
    return precision


def _pooled(slopes: FloatArray, present: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return slopes ``(p, f, 2)`` and curvatures ``(p, f, 3)``: xx, xy, yy, the same in all frames.

    A single frame's curvature is mostly noise; a patch's mean is not. It is kept from falling far
    under the mean of all patches, where a step would become too long.
    """
    count = max(float(present.sum()), 1.0)
    curvature = (slopes[..., 2:5] * present[:, None]).sum(axis=1) / count
    typical = np.maximum(0.5 * (curvature[:, 0] + curvature[:, 2]).mean(), 1e-12)
    floor = _CURVATURE_FLOOR * typical
    matrices = curvature[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    values, vectors = np.linalg.eigh(matrices)
    matrices = np.einsum("pij,pj,pkj->pik", vectors, np.maximum(values, floor), vectors)
    firm = matrices.reshape(-1, 4)[:, [0, 1, 3]]
    return slopes[..., :2] * present[:, None], firm[:, None, :] * present[:, None]


def _design(
    current: Parameters, patches: int, space: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return the terms ``(patches, frames, unknowns)`` and where we are, ``(2, unknowns)``.

    Terms of space are centred too, so that a whole frame's shift is its mean and the prior of local
    motion does not pull at it.
    """
    frames = current.shifts.shape[0]
    whole = np.repeat((np.eye(frames) - 1.0 / frames)[None], patches, axis=0)
    if space is None:
        return whole, current.shifts.T
    time = unit_time_terms(frames)
    time = time - time.mean(axis=0)
    centred = space[:, 1:] - SPATIAL_MEANS[1:]
    terms = np.einsum("ps,ft->pfst", centred, time).reshape(patches, frames, -1)
    at = np.concatenate([current.shifts.T, current.local[:, 1:].reshape(2, -1)], axis=-1)
    return np.concatenate([whole, terms], axis=-1), at


def _apply(
    current: Parameters, change: FloatArray, space: FloatArray | None, longest: float
) -> tuple[Parameters, float]:
    frames = current.shifts.shape[0]
    shifts = change[:, :frames].T - change[:, :1].T
    local = np.zeros_like(current.local)
    if space is not None:
        local[:, 1:] = change[:, frames:].reshape(2, SPATIAL_TERMS - 1, TEMPORAL_TERMS)
        local[:, 0] = -np.einsum("s,ast->at", SPATIAL_MEANS[1:], local[:, 1:])
    step = Parameters(shifts, local)
    at = space if space is not None else np.eye(1, SPATIAL_TERMS)
    moves = step.displacements(at)
    moves = moves - moves.mean(axis=1, keepdims=True)
    largest = float(np.hypot(moves[..., 0], moves[..., 1]).max())
    factor = min(1.0, longest / largest) if largest > 0.0 else 1.0
    after = Parameters(current.shifts + factor * shifts, current.local + factor * local)
    return after, largest
