"""A simulated specimen's motion under the beam, of the kind that is measured.

Fast at first and slower later (Brilot et al., J. Struct. Biol. 177:630 (2012)); locally of the
class of RELION's polynomial, so that a fit of that class can be exact and none is favoured more.
"""

import math

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import COEFFICIENTS, MotionModel, spatial_terms, temporal_terms

_DECAY_OF_FRAMES = 0.18
_SLOW_PART = 0.15
_TURN_RADIANS = 1.2


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
