"""What is known of a specimen's motion before a movie is looked at.

Motion is fast at first and slows down (Brilot et al., J. Struct. Biol. 177:630 (2012)), it is
smooth in time but for small jumps of whole frames, and bends smoothly in space. How large it is
differs from movie to movie; those two scales, of a whole frame's acceleration and of local motion,
are measured with the motion itself (MacKay, Neural Computation 4:415 (1992)), so that a strong
movie is free to move as it likes and the noise of a weak one is not taken for motion.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import TEMPORAL_TERMS

SPATIAL_MEANS = np.array([1.0, 0.0, 1.0 / 12.0, 0.0, 1.0 / 12.0, 0.0])
"""Means of 1, u, u², v, v², uv over a frame: local motion is what is left."""

_SPATIAL_DEVIATIONS = np.array([12.0**-0.5, 180.0**-0.5, 12.0**-0.5, 180.0**-0.5, 1.0 / 12.0])
_BENDING = np.array([1.0, 0.6, 1.0, 0.6, 0.6])
_VELOCITY_DECAY = 0.2
_VELOCITY_REST = 0.3
_VELOCITY_CORRELATION = 0.5
_ACCELERATION_DECAY = 0.12
_ACCELERATION_REST = 0.25
_STRENGTH = 1.0


@dataclass(frozen=True, slots=True)
class Scales:
    """How large motion is expected to be.

    Attributes:
        acceleration_angstrom: Root mean square change of a whole frame's step, early in the movie.
        local_angstrom: Root mean square local displacement at the end, by each term of space.
    """

    acceleration_angstrom: float = 1.0
    local_angstrom: float = 2.0


@dataclass(frozen=True, slots=True)
class Prior:
    """Precisions of the unknowns along one axis at unit scales, and what counts them.

    Attributes:
        whole: ``(frames, frames)`` float64, of whole-frame shifts.
        local: ``(15, 15)`` float64, of the polynomial's terms but the spatial constant.
    """

    whole: FloatArray
    local: FloatArray

    def rescaled(self, scales: Scales, values: FloatArray, covariance: FloatArray) -> Scales:
        """Return the scales that ``values`` (2, unknowns) and their covariance speak for.

        Args:
            scales: As used in the estimate; returned where nothing can be told.
            values: ``(2, unknowns)`` float64, of both axes.
            covariance: ``(2 unknowns, 2 unknowns)`` float64.
        """
        frames, unknowns = self.whole.shape[0], values.shape[1]
        start = Scales()
        acceleration = _scale(
            self.whole, values[:, :frames], covariance, (0, unknowns), 2 * max(frames - 2, 0),
            scales.acceleration_angstrom, start.acceleration_angstrom,
        )  # fmt: skip
        if unknowns == frames:
            return Scales(acceleration, scales.local_angstrom)
        local = _scale(
            self.local, values[:, frames:], covariance, (frames, unknowns + frames),
            2 * self.local.shape[0], scales.local_angstrom, start.local_angstrom,
        )  # fmt: skip
        return Scales(acceleration, local)


def _scale(
    precision: FloatArray,
    values: FloatArray,
    covariance: FloatArray,
    starts: tuple[int, int],
    count: int,
    used: float,
    expected: float,
) -> float:
    """Return MacKay's estimate: squares over the number of values that the data decide."""
    squares, undecided = 0.0, 0.0
    for axis, start in enumerate(starts):
        here = slice(start, start + precision.shape[0])
        squares += float(values[axis] @ precision @ values[axis])
        undecided += float(np.einsum("ij,ji->", precision, covariance[here, here])) / used**2
    decided = max(count - undecided, 0.0)
    return float(np.sqrt((squares + _STRENGTH * expected**2) / (decided + _STRENGTH)))


def make_prior(frames: int) -> Prior:
    """Return the prior for a movie of so many frames."""
    bend = np.diff(np.eye(frames), n=2, axis=0)
    time = np.arange(1, max(frames - 1, 1)) / max(frames - 1, 1)
    spread = _ACCELERATION_REST + np.exp(-time / _ACCELERATION_DECAY)
    bend /= spread[: bend.shape[0], None]
    space = _BENDING / _SPATIAL_DEVIATIONS
    return Prior(bend.T @ bend, np.kron(np.diag(space**-2.0), np.linalg.inv(_time_covariance())))


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
