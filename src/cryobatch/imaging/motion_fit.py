"""One Newton step of all motion parameters together.

Unknown are the whole-frame shifts and, where there are patches, the polynomial of space and time.
Every patch of every frame says how it wants to move (slope) and how sure it is (curvature); the
step is the weighted least-squares answer to all of them and to the prior (``motion_prior``). A
frame without content has no say and follows its neighbours.

The other frames that a frame is compared with move too, and near ones along with it: how a slope
changes with another frame's place is expected from signal and noise (``motion_signal``), else slow
motion, which is what a movie is full of, would be found in many small steps. A displacement that
all frames of a patch share cannot be seen.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import COEFFICIENTS, SPATIAL_TERMS, TEMPORAL_TERMS
from cryobatch.imaging.motion_prior import SPATIAL_MEANS, Evidence, Prior, Scales

_CURVATURE_FLOOR = 0.15


@dataclass(frozen=True, slots=True)
class Parameters:
    """Motion in Å, against the first frame.

    Attributes:
        shifts: ``(frames, 2)`` float64, whole frames.
        local: ``(2, 6, 3)`` float64 of the polynomial, its time running from 0 to 1.
    """

    shifts: FloatArray
    local: FloatArray

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
    coupling: FloatArray,
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
        coupling: ``(frames,)``, by frames between: how firmly two frames hold each other.
        space: ``(patches, 6)`` terms at the patches, or None to move whole frames.
        prior: What is expected.
        scales: How large motion was expected to be so far.
        longest_step: No displacement changes by more, Å.
    """
    at = _unknowns(current, space)
    curvature, slope = _normal_equations(slopes, present, _hold(coupling, present), space)
    seen = Evidence(curvature, slope + curvature @ at.ravel())
    scales = seen.scales(prior, scales)
    change = seen.best(prior, scales).reshape(at.shape) - at
    after, largest = _apply(current, change, space, longest_step)
    return Step(after, scales, largest)


def _unknowns(current: Parameters, space: FloatArray | None) -> FloatArray:
    """Return ``(2, unknowns)``: whole frames' shifts, then the polynomial's terms."""
    if space is None:
        return current.shifts.T
    return np.concatenate([current.shifts.T, current.local[:, 1:].reshape(2, -1)], axis=-1)


def _hold(coupling: FloatArray, present: FloatArray) -> FloatArray:
    """Return ``(frames, frames)``: how frames' slopes change with their places, 1 on average.

    What all frames do together changes nothing: rows add up to 0.
    """
    frames = np.arange(present.size)
    hold = -coupling[np.abs(frames[:, None] - frames)] * np.outer(present, present)
    np.fill_diagonal(hold, 0.0)
    np.fill_diagonal(hold, -hold.sum(axis=1))
    mean = float(np.trace(hold)) / max(float(present.sum()), 1.0)
    return np.asarray(hold / max(mean, 1e-30))


def _normal_equations(
    slopes: FloatArray, present: FloatArray, hold: FloatArray, space: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return curvature ``(2 unknowns, 2 unknowns)`` and slope ``(2 unknowns,)`` of all unknowns.

    Terms of space are centred, so that a whole frame's shift is its mean and the prior of local
    motion does not pull at it.
    """
    slopes = slopes * present[:, None]
    firm = _pooled(slopes, present)
    terms = np.ones((len(slopes), 1))
    if space is not None:
        terms = np.concatenate([terms, space[:, 1:] - SPATIAL_MEANS[1:]], axis=-1)
    time = unit_time_terms(present.size)
    over_space = np.einsum("pfa,ps->afs", slopes[..., :2], terms)
    local = np.einsum("afs,ft->ast", over_space[..., 1:], time).reshape(2, -1)
    slope = np.concatenate([over_space[..., 0], local], axis=-1).ravel()
    blocks = [
        _block(np.einsum("p,ps,pr->sr", firm[:, i], terms, terms), hold, time) for i in range(3)
    ]
    return np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]]), slope


def _block(space: FloatArray, hold: FloatArray, time: FloatArray) -> FloatArray:
    """Return the curvature between two axes, given that between terms of space."""
    cross = np.kron(space[:1, 1:], hold @ time)
    local = np.kron(space[1:, 1:], time.T @ hold @ time)
    return np.block([[space[0, 0] * hold, cross], [cross.T, local]])


def _pooled(slopes: FloatArray, present: FloatArray) -> FloatArray:
    """Return curvatures ``(patches, 3)``: xx, xy, yy of a usual frame.

    A single frame's curvature is mostly noise; a patch's mean is not. It is kept from falling far
    under the mean of all patches, where a step would become too long.
    """
    count = max(float(present.sum()), 1.0)
    curvature = slopes[..., 2:5].sum(axis=1) / count
    typical = np.maximum(0.5 * (curvature[:, 0] + curvature[:, 2]).mean(), 1e-12)
    floor = _CURVATURE_FLOOR * typical
    matrices = curvature[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    values, vectors = np.linalg.eigh(matrices)
    matrices = np.einsum("pij,pj,pkj->pik", vectors, np.maximum(values, floor), vectors)
    firm: FloatArray = matrices.reshape(-1, 4)[:, [0, 1, 3]]
    return firm


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
