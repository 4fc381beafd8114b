"""The frequencies of the spectra that motion is estimated from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging import fourier
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray

_BLOCKED_LINES = 2


@dataclass(frozen=True, slots=True)
class Geometry:
    """The frequencies of spectra.

    Attributes:
        shape: ``(rows, columns)`` of the images.
        y: ``(rows,)`` float64, 1/Å.
        x: ``(half,)`` float64, 1/Å.
        rings: ``(rows, half)`` int64, the ring of each frequency.
        ring_step: Width of a ring, 1/Å.
        ring_counts: ``(rings,)`` float64, usable frequencies in each.
        usable: ``(rows, half)`` float32: 0 where the frame itself (its edges, uneven light, the
            camera's columns) is seen rather than the specimen, 1 elsewhere.
        used_columns: ``(rows,)`` int64: from which column on a row has no usable frequency.
    """

    shape: tuple[int, int]
    y: FloatArray
    x: FloatArray
    rings: NDArray[np.int64]
    ring_step: float
    ring_counts: FloatArray
    usable: ImageArray
    used_columns: NDArray[np.int64]

    @property
    def magnitude(self) -> FloatArray:
        """``(rows, half)`` float64, 1/Å."""
        return np.hypot(self.y[:, None], self.x[None, :])

    def phases(self, shifts: FloatArray) -> tuple[SpectrumArray, SpectrumArray]:
        """Return what moves content back.

        Args:
            shifts: ``(patches, frames, 2)`` float64, x and y, Å.

        Returns:
            Factors along y ``(patches, frames, rows)`` and x ``(patches, frames, half)``.
        """
        y = np.exp(2j * np.pi * shifts[..., 1:2] * self.y)
        x = np.exp(2j * np.pi * shifts[..., 0:1] * self.x)
        return y.astype(np.complex64), x.astype(np.complex64)


def make_geometry(
    shape: tuple[int, int], pixel_size_angstrom: tuple[float, float], longest_angstrom: float
) -> Geometry:
    """Describe the frequencies of images.

    Args:
        shape: ``(rows, columns)``.
        pixel_size_angstrom: Å a pixel along y and x.
        longest_angstrom: Structures larger than this are not used.
    """
    y, x = fourier.frequencies(shape, pixel_size_angstrom)
    row, column = fourier.frequencies(shape)
    k = np.hypot(y, x)
    step = min(float(abs(y[1, 0])), float(x[0, 1]))
    usable = np.ones(k.shape, np.float32)
    usable[k < max(1.0 / longest_angstrom, 3.0 * step)] = 0.0
    usable[np.abs(row[:, 0]) * shape[0] < _BLOCKED_LINES - 0.5, :] = 0.0
    usable[:, column[0] * shape[1] < _BLOCKED_LINES - 0.5] = 0.0
    usable[k > 0.5 / max(pixel_size_angstrom)] = 0.0
    rings = np.rint(k / step).astype(np.int64)
    counts = np.bincount(rings.ravel(), usable.ravel()).astype(np.float64)
    columns = np.arange(1, k.shape[1] + 1, dtype=np.int64)
    used = np.asarray(np.where(usable > 0.0, columns, 0).max(axis=1), dtype=np.int64)
    y_line, x_line = y[:, 0].astype(float), x[0].astype(float)
    return Geometry(shape, y_line, x_line, rings, step, counts, usable, used)
