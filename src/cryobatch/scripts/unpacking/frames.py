"""Read, correct and write the frames of a movie, a few at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.movie import Movie
from cryobatch.formats.mrc import StackWriter, to_float32
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import (
    NO_GAIN,
    RawFrame,
    apply_gain,
    frame_statistics,
    measure_and_add,
    measure_rows,
)
from cryobatch.imaging.pixel_repair import Repair, repair_frame
from cryobatch.scripts.unpacking.camera import Camera

Report = Callable[[float], None]
"""Takes the fraction that is done."""

RowMeasures: TypeAlias = NDArray[np.float64]
"""``(rows, 4)`` of ``measure_rows``."""

Found = TypeVar("Found")

_MOST_IN_16_BITS = 257
"""Frames of 8 bits whose sum cannot be beyond 16."""

_BRIDGED_ROWS = 8
"""Rows between two that are wanted which cost less to move along than another call."""


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
        scale: Where frames stay the counts that they are, ``(rows, columns) float32`` that those
            who read them multiply them by; None: frames are gain-corrected.
    """

    movie: Movie
    camera: Camera
    repair: Repair
    frames: range
    threads: int
    scale: ImageArray | None = None

    def correct(self, number: int, bench: "Bench") -> RawFrame:
        """Return a frame of the movie, bad pixels repaired, and gain-corrected unless it is scaled.

        Args:
            number: Of the frame, from 0.
            bench: Where to do it; the frame lies there until the next one.
        """
        frame = bench.raw
        self.movie.read_raw(number, frame)
        if self.camera.gain is not None and not self.is_scaled:
            frame = bench.corrected
            apply_gain(_for_numba(bench.raw), self.camera.gain, frame)
        repair_frame(frame, self.repair, number)
        return frame

    def make_bench(self) -> "Bench":
        """Return what one thread works in."""
        shape = self.movie.shape[1:]
        corrects = self.camera.gain is not None and not self.is_scaled
        small = self.movie.dtype == np.uint8 and len(self.frames) <= _MOST_IN_16_BITS
        return Bench(
            np.empty(shape, self.movie.dtype),
            np.empty(shape if corrects else (0, 0), np.float32),
            np.zeros(shape, np.uint16 if small and not corrects else np.float32),
        )

    @property
    def is_scaled(self) -> bool:
        """Whether frames stay counts, which those who read them multiply by the gain."""
        return self.scale is not None

    def write_all(self, writer: StackWriter, report: Report) -> tuple[list[RowMeasures], RawFrame]:
        """Write every frame.

        Returns:
            Measures of their rows, gain-corrected, and the sum of what was written, ``(rows,
            columns)``.
        """
        benches = [self.make_bench() for _ in range(self._workers())]
        free = deque(benches)

        def do(index: int) -> RowMeasures:
            bench = free.pop()
            number = self.frames[index]
            frame = self.correct(number, bench)
            measures = np.empty((len(frame), 4))
            measure_and_add(_for_numba(frame), self._gain(), measures, bench.summed)
            self.judge(measures, number)
            writer.write(index, frame)
            free.append(bench)
            return measures

        measures = self._share_out(do, report)
        summed = benches[0].summed
        for bench in benches[1:]:
            summed += bench.summed
        return measures, summed

    def _gain(self) -> ImageArray:
        """Return what frames are multiplied by when they are measured."""
        return NO_GAIN if self.scale is None else self.scale

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
        gain = NO_GAIN if self.scale is None else self.scale[changed]
        shape = self.movie.shape[1:]
        free = deque(np.empty(shape, writer.dtype) for _ in range(self._workers()))

        def do(index: int) -> None:
            frame = free.pop()
            for first, last in read:
                writer.read_rows(index, first, frame[first:last])
            repair_frame(frame, repair, self.frames[index])
            for first, last in written:
                writer.rewrite_rows(index, first, frame[first:last])
            again = np.empty((len(changed), 4))
            measure_rows(_for_numba(frame[changed]), gain, again)
            measures[index][changed] = again
            free.append(frame)

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
class Bench:
    """What a thread works in, frame after frame: memory that is new to it costs more.

    Args:
        raw: ``(rows, columns)`` as the movie has them.
        corrected: The same times the gain, float32; empty where that is not asked for.
        summed: Of the frames that it did.
    """

    raw: RawFrame
    corrected: ImageArray
    summed: RawFrame


def _runs(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return first row, and row after the last one, of every run of rows with small gaps only.

    What is in a run of some rows is in one of any rows that contain them, too: all that is written
    was read before.
    """
    ends = np.flatnonzero(np.diff(rows) > 1 + _BRIDGED_ROWS) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(rows, ends) if run.size]


def _for_numba(frame: RawFrame) -> RawFrame:
    """Widen the one number type that numba does not know."""
    return to_float32(frame) if frame.dtype == np.float16 else frame


def _counted(done: Iterable[Found], count: int, report: Report) -> Iterable[Found]:
    for number, found in enumerate(done, start=1):
        report(number / count)
        yield found
