"""The motion of a recording's content: whole-frame shifts and a polynomial of space and time.

The polynomial is RELION's third-order model (``ThirdOrderPolynomialModel`` in its
``micrograph_model.cpp``; Zivanov et al., IUCrJ 6:5 (2019)): with ``u = x / columns - 0.5``,
``v = y / rows - 0.5`` and ``z`` = frames since the first one used,

    shift = sum over s, t of coefficient[3 s + t] * (1, u, u², v, v², u v)[s] * (z, z², z³)[t]

so 18 numbers for x and 18 for y, without a constant in time: the first frame does not move.
Shifts are displacements of the content in that frame, in pixels of the movie.
"""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray

SPATIAL_TERMS = 6
TEMPORAL_TERMS = 3
COEFFICIENTS = SPATIAL_TERMS * TEMPORAL_TERMS


@dataclass(frozen=True, slots=True)
class MotionModel:
    """Where the content of every frame lies, against the first one.

    Attributes:
        shape: ``(rows, columns)`` of a frame.
        global_shifts_px: ``(frames, 2)`` float64, x and y of each whole frame.
        coefficients_px: ``(2, 18)`` float64 for x and y, or None where nothing moves locally.
    """

    shape: tuple[int, int]
    global_shifts_px: FloatArray
    coefficients_px: FloatArray | None = None

    @property
    def frames(self) -> int:
        """The number of frames."""
        return int(self.global_shifts_px.shape[0])

    def local_shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the local part of the motion at points ``(points,)``."""
        points = np.atleast_1d(np.asarray(x_px, dtype=np.float64)).size
        if self.coefficients_px is None:
            return np.zeros((self.frames, points, 2))
        space = spatial_terms(x_px, y_px, self.shape)
        time = temporal_terms(self.frames)
        table = self.coefficients_px.reshape(2, SPATIAL_TERMS, TEMPORAL_TERMS)
        result: FloatArray = np.einsum("ast,ps,ft->fpa", table, space, time)
        return result

    def shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the whole motion at points ``(points,)``, x and y."""
        return self.global_shifts_px[:, None, :] + self.local_shifts_px(x_px, y_px)

    def frame_coefficients_px(self, frame: int) -> FloatArray:
        """Return ``(2, 6)``: the local motion of one frame as a polynomial of space alone."""
        if self.coefficients_px is None:
            return np.zeros((2, SPATIAL_TERMS))
        table = self.coefficients_px.reshape(2, SPATIAL_TERMS, TEMPORAL_TERMS)
        result: FloatArray = np.einsum("ast,t->as", table, temporal_terms(self.frames)[frame])
        return result


def spatial_terms(x_px: FloatArray, y_px: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return ``(points, 6)``: 1, u, u², v, v², uv at points given in pixels."""
    u = np.atleast_1d(np.asarray(x_px, dtype=np.float64)) / shape[1] - 0.5
    v = np.atleast_1d(np.asarray(y_px, dtype=np.float64)) / shape[0] - 0.5
    return np.stack([np.ones_like(u), u, u * u, v, v * v, u * v], axis=-1)


def temporal_terms(frames: int) -> FloatArray:
    """Return ``(frames, 3)``: z, z², z³ of every frame, z = 0 at the first one."""
    z = np.arange(frames, dtype=np.float64)
    return np.stack([z, z**2, z**3], axis=-1)
