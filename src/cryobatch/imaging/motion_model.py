"""The motion of a recording's content: whole-frame shifts and a polynomial of space and time.

The polynomial is RELION's third-order model (``ThirdOrderPolynomialModel`` in its
``micrograph_model.cpp``; Zivanov et al., IUCrJ 6:5 (2019)): with ``u = x / columns - 0.5``,
``v = y / rows - 0.5`` and ``z`` = frames since the first one used,

    shift = sum over s, t of coefficient[3 s + t] * (1, u, u², v, v², u v)[s] * (z, z², z³)[t]

so 18 numbers for x and 18 for y, without a constant in time: the first frame does not move. What
bends faster than such a polynomial can follow is kept beside it, frame by frame.
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
        early_px: ``(frames, 2, 6)`` float64: what the local motion of each frame, for x and y by
            terms of space, has besides the polynomial; None where that is nothing.
    """

    shape: tuple[int, int]
    global_shifts_px: FloatArray
    coefficients_px: FloatArray | None = None
    early_px: FloatArray | None = None

    @property
    def frames(self) -> int:
        """The number of frames."""
        return int(self.global_shifts_px.shape[0])

    def local_shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the local part of the motion at points ``(points,)``."""
        space = spatial_terms(x_px, y_px, self.shape)
        result: FloatArray = np.einsum("fas,ps->fpa", self._in_space(), space)
        return result

    def shifts_px(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Return ``(frames, points, 2)``: the whole motion at points ``(points,)``, x and y."""
        return self.global_shifts_px[:, None, :] + self.local_shifts_px(x_px, y_px)

    def frame_coefficients_px(self, frame: int) -> FloatArray:
        """Return ``(2, 6)``: the local motion of one frame as a polynomial of space alone."""
        return np.asarray(self._in_space()[frame])

    def _in_space(self) -> FloatArray:
        """Return ``(frames, 2, 6)``: every frame's local motion by terms of space."""
        result = np.zeros((self.frames, 2, SPATIAL_TERMS))
        if self.coefficients_px is not None:
            table = self.coefficients_px.reshape(2, SPATIAL_TERMS, TEMPORAL_TERMS)
            result += np.einsum("ast,ft->fas", table, temporal_terms(self.frames))
        if self.early_px is not None:
            result += self.early_px
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
