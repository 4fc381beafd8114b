"""Read, correct and write the frames of a movie, a few at a time."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.movie import Movie
from cryobatch.formats.mrc import StackWriter, to_float32
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import RawFrame, apply_gain, measure_frame
from cryobatch.imaging.pixel_repair import Repair, repair_frame
from cryobatch.scripts.unpacking.camera import Camera

Report = Callable[[float], None]
"""Takes the fraction that is done."""


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """Counts of a frame: mean, standard deviation, minimum and maximum."""

    mean: float
    deviation: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class FrameWork:
    """The work on one movie's frames.

    Args:
        movie: Open.
        camera: Gain and bad pixels.
        repair: Of the bad pixels that are known before.
        frames: Which frames of the movie, counted from 0.
        threads: How many frames at a time.
    """

    movie: Movie
    camera: Camera
    repair: Repair
    frames: range
    threads: int

    def correct(self, number: int) -> RawFrame:
        """Return a frame of the movie, gain-corrected, bad pixels repaired."""
        raw = self.movie.raw_frame(number)
        if self.camera.gain is None:
            frame = raw
        else:
            frame = np.empty(raw.shape, np.float32)
            apply_gain(_for_numba(raw), self.camera.gain, frame)
        repair_frame(frame, self.repair, number)
        return frame

    def write_all(
        self, writer: StackWriter, report: Report
    ) -> tuple[list[FrameStatistics], ImageArray]:
        """Write every frame.

        Returns:
            Their statistics, and their sum, ``(rows, columns) float32``.
        """
        summed = np.zeros(self.movie.shape[1:], np.float32)
        lock = threading.Lock()

        def do(index: int) -> FrameStatistics:
            number = self.frames[index]
            frame = self.correct(number)
            statistics = self._measure(frame, number)
            with lock:
                np.add(summed, frame, out=summed, casting="unsafe")
            writer.write(index, frame)
            return statistics

        return self._share_out(do, report), summed

    def repair_all(
        self, writer: StackWriter, repair: Repair, report: Report
    ) -> list[FrameStatistics]:
        """Repair pixels in frames that are written, and return the statistics again."""

        def do(index: int) -> FrameStatistics:
            frame = writer.read(index)
            repair_frame(frame, repair, self.frames[index])
            writer.rewrite(index, frame, repair.bad)
            return self._measure(frame, self.frames[index])

        return self._share_out(do, report)

    def _share_out(
        self, do: Callable[[int], FrameStatistics], report: Report
    ) -> list[FrameStatistics]:
        count = len(self.frames)
        with ThreadPoolExecutor(min(self.threads, count)) as pool:
            return list(_counted(pool.map(do, range(count)), count, report))

    def _measure(self, frame: RawFrame, number: int) -> FrameStatistics:
        found = FrameStatistics(*measure_frame(_for_numba(frame)))
        if not np.isfinite(found.mean):
            raise BadInput(
                f"{self.movie.path}: frame {number + 1} has pixels that are no numbers (NaN or "
                "infinite); the recording is broken, copy it again"
            )
        return found


def _for_numba(frame: RawFrame) -> RawFrame:
    """Widen the one number type that numba does not know."""
    return to_float32(frame) if frame.dtype == np.float16 else frame


def _counted(
    done: Iterable[FrameStatistics], count: int, report: Report
) -> Iterable[FrameStatistics]:
    for number, statistics in enumerate(done, start=1):
        report(number / count)
        yield statistics
