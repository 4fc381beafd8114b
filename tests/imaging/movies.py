"""Simulated movies as sources of frames, and how far an estimate of their motion is off."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulatedMovie

Change = Callable[[int, NDArray[np.float32]], NDArray[np.float32]]


def as_they_are(_index: int, frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Change nothing."""
    return frame


@dataclass(frozen=True, slots=True)
class MovieFrames:
    """Gain-corrected frames of a simulated movie, perhaps changed."""

    movie: SimulatedMovie
    change: Change = as_they_are

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)``."""
        frames, rows, columns = self.movie.frames.shape
        return frames, rows, columns

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a frame in electrons."""
        return self.change(index, self.movie.frames[index] * self.movie.gain)


class Counts:
    """Frames that may be had as counts, the gain beside them, or as their product."""

    def __init__(self, counts: NDArray[np.int16], gain: NDArray[np.float32] | None) -> None:
        self.counts, self.gain = counts, gain
        self.shape = counts.shape
        self.counts_dtype = counts.dtype

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a frame as floats."""
        factor = 1.0 if self.gain is None else self.gain
        return np.asarray(self.counts[index] * factor, dtype=np.float32)

    def read_frame(self, index: int, out: NDArray[np.float32]) -> None:
        """Read a frame as floats."""
        out[:] = self.frame(index)

    def read_counts(self, index: int, out: NDArray[np.int16]) -> None:
        """Read a frame's counts."""
        out[:] = self.counts[index]


class Floats(Counts):
    """The same, as floats only."""

    counts_dtype = None  # type: ignore[assignment]  # what a stack of floats has


def field_points(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of the centres of 5x5 cells."""
    cell = (np.arange(5) + 0.5) / 5
    y, x = np.meshgrid(cell * shape[0] - 0.5, cell * shape[1] - 0.5, indexing="ij")
    return x.ravel(), y.ravel()


def motion_error_angstrom(found: MotionModel, movie: SimulatedMovie) -> float:
    """Return the root mean square error over frames and a 5x5 field.

    A displacement that all frames share cannot be seen, so each point's mean is left out.
    """
    points = field_points(movie.settings.shape)
    error = found.shifts_px(*points) - movie.motion.shifts_px(*points)
    error = (error - error.mean(axis=0)) * movie.settings.pixel_size_angstrom
    return float(np.sqrt((error**2).sum(axis=-1).mean()))
