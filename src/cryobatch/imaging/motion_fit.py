"""One Newton step of all motion parameters together.

Unknown are the whole-frame shifts and, where there are patches, local motion's terms of space and
time. Every patch of every frame says how it wants to move (slope) and how sure it is (curvature);
the step is the weighted least-squares answer to all of them and to the prior (``motion_prior``). A
frame without content has no say and follows its neighbours.

The other frames that a frame is compared with move too, and near ones along with it: how a slope
changes with another frame's place is expected from signal and noise (``motion_signal``), else slow
motion, which is what a movie is full of, would be found in many small steps. A displacement that
all frames of a patch share cannot be seen.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import COEFFICIENTS, SPATIAL_TERMS, TEMPORAL_TERMS, MotionModel
from cryobatch.imaging.motion_prior import SPATIAL_MEANS, Evidence, Prior, Scales
from cryobatch.imaging.motion_time import TIME_TERMS, early_term, unit_time_terms

_CURVATURE_FLOOR = 0.15
_TRACE_ANGSTROM = 0.05
_LOCAL_UNKNOWNS = 2 * (SPATIAL_TERMS - 1) * TIME_TERMS
_ENOUGH_FREE = 0.5
_LARGEST_TERMS = np.array([1.0, 0.5, 0.25, 0.5, 0.25, 0.25])


@dataclass(frozen=True, slots=True)
class Parameters:
    """Motion in Å, against the first frame.

    Attributes:
        shifts: ``(frames, 2)`` float64, whole frames.
        local: ``(2, 6, 4)`` float64, x and y by terms of space and of ``motion_time``.
    """

    shifts: FloatArray
    local: FloatArray

    def model(
        self, shape: tuple[int, int], pixel_size_angstrom: float, *, local: bool
    ) -> MotionModel:
        """Return the motion in pixels of frames of ``(rows, columns)``, with its local part or not.

        Early motion that is nowhere as much as a trace is left out: RELION's form is enough then.
        """
        shifts = self.shifts / pixel_size_angstrom
        if not local:
            return MotionModel(shape, shifts)
        last = max(len(shifts) - 1, 1)
        per_frame = float(last) ** -np.arange(1.0, TEMPORAL_TERMS + 1.0)
        polynomial = self.local[..., :TEMPORAL_TERMS] * per_frame / pixel_size_angstrom
        early = self.local[..., TEMPORAL_TERMS] / pixel_size_angstrom
        largest = float((np.abs(early) @ _LARGEST_TERMS).max()) * pixel_size_angstrom
        return MotionModel(
            shape,
            shifts,
            polynomial.reshape(2, COEFFICIENTS),
            early_term(len(shifts))[:, None, None] * early if largest > _TRACE_ANGSTROM else None,
        )

    def displacements(self, space: FloatArray) -> FloatArray:
        """Return ``(patches, frames, 2)``, Å, where ``space`` is ``(patches, 6)`` terms."""
        time = unit_time_terms(self.shifts.shape[0])
        result: FloatArray = self.shifts[None] + np.einsum(
            "ast,ps,ft->pfa", self.local, space, time
        )
        return result


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


def scatter(slopes: FloatArray, present: FloatArray) -> float:
    """Return by how much more than their curvature slopes vary at the best motion, at least 1.

    The variance of a likelihood's slope is its curvature only where its terms are independent; a
    patch's window ties neighbouring frequencies together. What is said with too much certainty
    there would take noise for local motion. Where there are few patches nothing is known of it.

    Args:
        slopes: ``(patches, frames, 7)`` of ``motion_likelihood.derivatives``.
        present: ``(frames,)``: 1, or 0 for an empty frame.
    """
    shifts = 2.0 * float(present.sum())
    free = 1.0 - (shifts + _LOCAL_UNKNOWNS) / max(len(slopes) * shifts, 1.0)
    if free < _ENOUGH_FREE:
        return 1.0
    squares = (slopes[:, present > 0.0, :2] ** 2).mean(axis=(0, 1))
    curvatures = _pooled(slopes * present[:, None], present)[:, [0, 2]].mean(axis=0)
    return max(1.0, float((squares / np.maximum(curvatures, 1e-30)).mean()) / free)


def _unknowns(current: Parameters, space: FloatArray | None) -> FloatArray:
    """Return ``(2, unknowns)``: whole frames' shifts, then local motion's terms."""
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
        local[:, 1:] = change[:, frames:].reshape(2, SPATIAL_TERMS - 1, TIME_TERMS)
        local[:, 0] = -np.einsum("s,ast->at", SPATIAL_MEANS[1:], local[:, 1:])
    step = Parameters(shifts, local)
    at = space if space is not None else np.eye(1, SPATIAL_TERMS)
    moves = step.displacements(at)
    moves = moves - moves.mean(axis=1, keepdims=True)
    largest = float(np.hypot(moves[..., 0], moves[..., 1]).max())
    factor = min(1.0, longest / largest) if largest > 0.0 else 1.0
    after = Parameters(current.shifts + factor * shifts, current.local + factor * local)
    return after, largest
