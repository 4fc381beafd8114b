"""A simulated specimen's motion under the beam, of the kind that is measured.

Fast at first and slower later (Brilot et al., J. Struct. Biol. 177:630 (2012)); locally of the
class of RELION's polynomial, so that a fit of that class can be exact and none is favoured more.
What no polynomial follows is added by ``simulate_wandering``.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np

from cryobatch.imaging import spline
from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import COEFFICIENTS, MotionModel, spatial_terms, temporal_terms

NODES = 15
"""Along each axis: they span the frame, with one more on each side for the spline."""

_DECAY_OF_FRAMES = 0.18
_SLOW_PART = 0.15
_TURN_RADIANS = 1.2


class Motion(Protocol):
    """Where the content of every frame lies: what an estimate is compared with."""

    @property
    def global_shifts_px(self) -> FloatArray:
        """``(frames, 2)``, x and y of each whole frame."""
        ...

    @property
    def coefficients_px(self) -> FloatArray | None:
        """The polynomial's part of the local motion, None without one."""
        ...

    def local_shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the local part of the motion at points."""
        ...

    def shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the whole motion at points."""
        ...


@dataclass(frozen=True, slots=True)
class SimulatedMotion:
    """A motion of any form, at rest in the first frame.

    Attributes:
        smooth: Shifts of whole frames, and what a polynomial of RELION's form says of the rest.
        blurs_px: ``(frames, 2)`` float64, x and y: how far the content moves during each frame.
        nodes_px: ``(frames, 2, NODES, NODES)`` float64, coefficients of a cubic B-spline over the
            frame, for displacements along x and y besides ``smooth``; None for none.
    """

    smooth: MotionModel
    blurs_px: FloatArray
    nodes_px: FloatArray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, columns)`` of a frame."""
        return self.smooth.shape

    @property
    def global_shifts_px(self) -> FloatArray:
        """``(frames, 2)`` float64, x and y of each whole frame."""
        return self.smooth.global_shifts_px

    @property
    def coefficients_px(self) -> FloatArray | None:
        """The polynomial's part of the local motion, ``(2, 18)``, None without one."""
        return self.smooth.coefficients_px

    def local_shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the local part of the motion at points ``(points,)``."""
        local = self.smooth.local_shifts_px(x_px, y_px)
        if self.nodes_px is not None:
            x, y = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (x_px, y_px))
            local += _at_points(self.nodes_px, x, y, *self.shape)
        return local

    def shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the whole motion at points ``(points,)``, x and y."""
        return self.global_shifts_px[:, None, :] + self.local_shifts_px(x_px, y_px)


def at_rest(shape: tuple[int, int]) -> SimulatedMotion:
    """Return the motion of a single frame of ``(rows, columns)``: none."""
    return SimulatedMotion(MotionModel(shape, np.zeros((1, 2))), np.zeros((1, 2)))


def make_motion(
    shape: tuple[int, int],
    frames: int,
    *,
    drift_px: float,
    local_px: float,
    jitter_px: float,
    seed: int,
) -> MotionModel:
    """Make a motion with a smooth path, a jitter of whole frames and a local part.

    Args:
        shape: ``(rows, columns)`` of a frame.
        frames: How many.
        drift_px: Length of the smooth path of the whole frame, pixels.
        local_px: The largest local displacement anywhere in the frame, pixels.
        jitter_px: Root mean square of the jitter along each axis, pixels.
        seed: Integer.
    """
    random = np.random.default_rng([seed, 5])
    shifts = _smooth_path(frames, drift_px, random) + jitter_px * random.standard_normal(
        (frames, 2)
    )
    shifts -= shifts[:1]
    if local_px <= 0.0 or frames < 2:
        return MotionModel(shape, shifts)
    return MotionModel(shape, shifts, _local_coefficients(shape, frames, local_px, random))


def _smooth_path(frames: int, length: float, random: np.random.Generator) -> FloatArray:
    time = (np.arange(1, frames) - 0.5) / max(frames - 1, 1)
    speed = np.exp(-time / _DECAY_OF_FRAMES) + _SLOW_PART
    direction = (
        random.uniform(0.0, 2.0 * math.pi) + random.uniform(-1.0, 1.0) * _TURN_RADIANS * time
    )
    steps = np.stack([np.cos(direction), np.sin(direction)], axis=-1) * speed[:, None]
    steps *= length / max(float(speed.sum()), 1e-9)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def _local_coefficients(
    shape: tuple[int, int], frames: int, largest: float, random: np.random.Generator
) -> FloatArray:
    """Return ``(2, 18)``: slowing in time, differently at each spatial term, none on average."""
    space = random.standard_normal((2, 6, 1)) * np.array([0.0, 1.0, 1.5, 1.0, 1.5, 1.5])[:, None]
    space[:, 0] = -(space[:, 2] + space[:, 4]) / 12.0
    slowing = np.array([3.0, -3.0, 1.0]) + 0.3 * random.standard_normal((1, 6, 3))
    slowing[:, 0] = 0.5 * (slowing[:, 2] + slowing[:, 4])
    per_frame = (frames - 1.0) ** -np.arange(1.0, 4.0)
    table = space * slowing * per_frame
    grid_y, grid_x = np.mgrid[0 : shape[0] : 9j, 0 : shape[1] : 9j]
    terms = spatial_terms(grid_x.ravel(), grid_y.ravel(), shape)
    field = np.einsum("ast,ps,ft->fpa", table, terms, temporal_terms(frames))
    table *= largest / float(np.hypot(field[..., 0], field[..., 1]).max())
    result: FloatArray = table.reshape(2, COEFFICIENTS)
    return result


@numba.njit(cache=True, nogil=True, inline="always")
def node(part):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the place among the nodes of a place in the frame (0 to 1)."""
    return 1.0 + part * (NODES - 3)


@numba.njit(cache=True, nogil=True)
def _at_points(nodes, x, y, rows, columns):  # type: ignore[no-untyped-def]
    shifts = np.empty((nodes.shape[0], x.size, 2))
    for frame in range(nodes.shape[0]):
        for point in range(x.size):
            u, v = node(x[point] / columns), node(y[point] / rows)
            shifts[frame, point, 0] = spline.sample(nodes[frame, 0], u, v)
            shifts[frame, point, 1] = spline.sample(nodes[frame, 1], u, v)
    return shifts
