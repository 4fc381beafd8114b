"""Read, correct and write the frames of a movie, a few at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.movie import Movie
from cryobatch.formats.mrc import StackWriter, to_float32
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import RawFrame, apply_gain, frame_statistics, measure_rows
from cryobatch.imaging.pixel_repair import Repair, repair_frame
from cryobatch.scripts.unpacking.camera import Camera

Report = Callable[[float], None]
"""Takes the fraction that is done."""

RowMeasures: TypeAlias = NDArray[np.float64]
"""``(rows, 4)`` of ``measure_rows``."""

Found = TypeVar("Found")


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

    def correct(self, number: int, buffer: ImageArray | None = None) -> RawFrame:
        """Return a frame of the movie, gain-corrected, bad pixels repaired.

        Args:
            number: Of the frame, from 0.
            buffer: ``(rows, columns)`` float32 to correct it in; new memory costs more.
        """
        frame = raw = self.movie.raw_frame(number)
        if self.camera.gain is not None:
            frame = np.empty(raw.shape, np.float32) if buffer is None else buffer
            apply_gain(_for_numba(raw), self.camera.gain, frame)
        repair_frame(frame, self.repair, number)
        return frame

    def write_all(
        self, writer: StackWriter, report: Report
    ) -> tuple[list[RowMeasures], ImageArray]:
        """Write every frame.

        Returns:
            Measures of their rows, and their sum, ``(rows, columns) float32``.
        """
        shape = self.movie.shape[1:]
        benches = [_Bench.empty(shape) for _ in range(self._workers())]
        free = deque(benches)

        def do(index: int) -> RowMeasures:
            bench = free.pop()
            number = self.frames[index]
            frame = self.correct(number, bench.frame)
            measures = np.empty((len(frame), 4))
            measure_rows(_for_numba(frame), measures)
            self.judge(measures, number)
            np.add(bench.summed, frame, out=bench.summed, casting="unsafe")
            writer.write(index, frame)
            free.append(bench)
            return measures

        measures = self._share_out(do, report)
        summed = benches[0].summed
        for bench in benches[1:]:
            summed += bench.summed
        return measures, summed

    def repair_all(
        self,
        writer: StackWriter,
        repair: Repair,
        measures: Sequence[RowMeasures],
        report: Report,
    ) -> None:
        """Repair pixels in frames that are written, and measure the rows that change again."""
        columns = self.movie.shape[2]
        changed = repair.changed_rows(columns)
        read, written = _runs(repair.rows(columns)), _runs(changed)

        def do(index: int) -> None:
            frame = np.empty(self.movie.shape[1:], writer.dtype)
            for first, last in read:
                frame[first:last] = writer.read_rows(index, first, last)
            repair_frame(frame, repair, self.frames[index])
            for first, last in written:
                writer.rewrite_rows(index, first, frame[first:last])
            again = np.empty((len(changed), 4))
            measure_rows(_for_numba(frame[changed]), again)
            measures[index][changed] = again

        self._share_out(do, report)

    def judge(self, measures: RowMeasures, number: int) -> FrameStatistics:
        """Return a frame's statistics from those of its rows; refuse what is no number."""
        found = FrameStatistics(*frame_statistics(measures, self.movie.shape[2]))
        if not np.isfinite(found.mean):
            raise BadInput(
                f"{self.movie.path}: frame {number + 1} has pixels that are no numbers (NaN or "
                "infinite); the recording is broken, copy it again"
            )
        return found

    def _workers(self) -> int:
        return min(self.threads, len(self.frames))

    def _share_out(self, do: Callable[[int], Found], report: Report) -> list[Found]:
        count = len(self.frames)
        with ThreadPoolExecutor(self._workers()) as pool:
            return list(_counted(pool.map(do, range(count)), count, report))


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a thread works in: a frame, and the sum of those that it did."""

    frame: ImageArray
    summed: ImageArray

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Self:
        return cls(np.empty(shape, np.float32), np.zeros(shape, np.float32))


def _runs(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return first row, and row after the last one, of every unbroken run of rows."""
    ends = np.flatnonzero(np.diff(rows) > 1) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(rows, ends) if run.size]


def _for_numba(frame: RawFrame) -> RawFrame:
    """Widen the one number type that numba does not know."""
    return to_float32(frame) if frame.dtype == np.float16 else frame


def _counted(done: Iterable[Found], count: int, report: Report) -> Iterable[Found]:
    for number, found in enumerate(done, start=1):
        report(number / count)
        yield found
