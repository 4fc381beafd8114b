"""Sum the frames of a movie with their motion undone.

Frames are resampled where their content lies (``resample``) and added up in real space; nothing is
transformed frame by frame. Weights by dose differ from frequency to frequency, but so smoothly from
frame to frame that a few weighted sums span them all (``dose.weight_basis``): those are transformed
and combined at the end, and the sums' noise, which resampling damps near Nyquist, is made white.
"""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.imaging import fourier, interpolation, resample
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.dose import Exposure, WeightBasis, weight_basis
from cryobatch.imaging.frame_source import FrameSource, PixelArray, frame_reader
from cryobatch.imaging.motion_model import MotionModel

FrameSink = Callable[[int, ImageArray], None]
"""Takes a corrected frame or sum with its index from 0; a sum is its own until it is called again
and has returned."""

_RINGS_A_STEP = 4
_PROBED = 8
_NEAR_NYQUIST = 0.95
_LARGE_FRAME_PIXELS = 1 << 25
"""Beyond it fewer frames are held at a time."""


@dataclass(frozen=True, slots=True)
class SumOptions:
    """What to make of the frames.

    Attributes:
        exposure: Weights frames by dose; None makes no weighted sum.
        halves: Also sum even and odd frames apart.
        unweighted: Also make the sum of all frames alike where ``exposure`` is given.
        group_frames: Hand sums of so many successive frames to ``group_sink``.
        group_sink: Takes them, or None. They are damped near Nyquist, by
            ``interpolation.usual_damping`` along each axis.
        frame_sink: Takes each corrected frame, or None.
        progress: Takes the number of frames done.
    """

    exposure: Exposure | None = None
    halves: bool = False
    unweighted: bool = True
    group_frames: int = 1
    group_sink: FrameSink | None = None
    frame_sink: FrameSink | None = None
    progress: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class FrameSums:
    """Sums of corrected frames, ``(rows, columns)`` float32.

    Attributes:
        unweighted: Counts of all frames; None if not asked for.
        weighted: By dose, divided by sqrt(sum q²) (see ``dose``); None if not asked for.
        even: Counts of the 2nd, 4th, ... frame; None if not asked for.
        odd: Counts of the 1st, 3rd, ... frame; None if not asked for. Even and odd add up to
            ``unweighted``.
    """

    unweighted: ImageArray | None
    weighted: ImageArray | None
    even: ImageArray | None
    odd: ImageArray | None


def sum_frames(
    source: FrameSource,
    model: MotionModel,
    pixel_size_angstrom: float,
    options: SumOptions,
    *,
    threads: int = 1,
) -> FrameSums:
    """Read every frame once, undo its motion and sum.

    Args:
        source: Gain-corrected frames; what is no number counts as the frame's mean. They are read
            by another thread, one at a time.
        model: Their motion.
        pixel_size_angstrom: Å a pixel.
        options: What to make.
        threads: Threads to use.
    """
    sums = _Sums(source.shape, model, pixel_size_angstrom, options, threads)
    with ThreadPoolExecutor(threads) as pool:
        for batch in _batches(source, options):
            sums.add(batch, pool)
            if options.progress is not None:
                options.progress(batch.first + len(batch.frames))
    return sums.finish()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Successive frames.

    Attributes:
        first: Index of the first of them.
        frames: As they were read.
        gain: ``(rows, columns)`` float32 that they are multiplied by, ``(0, 0)``: by nothing.
    """

    first: int
    frames: list[PixelArray]
    gain: ImageArray


def _batches(source: FrameSource, options: SumOptions) -> Iterator[_Batch]:
    """Yield a few successive frames of a group at a time, reading the next ones meanwhile."""
    limits = list(_limits(source.shape, options))
    most = max(last - first for first, last in limits)
    reader = frame_reader(source)
    buffers = reader.buffers(most), reader.buffers(most)

    def read(number: int) -> _Batch:
        first, last = limits[number]
        places = zip(range(first, last), buffers[number % 2], strict=False)
        frames = [_finite(reader.read(index, buffer)) for index, buffer in places]
        return _Batch(first, frames, reader.gain)

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, 0)
        for number in range(1, len(limits)):
            batch = coming.result()
            coming = pool.submit(read, number)
            yield batch
        yield coming.result()


def _limits(shape: tuple[int, int, int], options: SumOptions) -> Iterator[tuple[int, int]]:
    frames, rows, columns = shape
    most = resample.AT_A_TIME if rows * columns <= _LARGE_FRAME_PIXELS else 2
    if options.frame_sink is not None:
        most = 1
    for group in range(0, frames, options.group_frames):
        end = min(group + options.group_frames, frames)
        for first in range(group, end, most):
            yield first, min(first + most, end)


class _Sums:
    """Running sums in real space, as few as the options need."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        model: MotionModel,
        pixel_size_angstrom: float,
        options: SumOptions,
        threads: int,
    ) -> None:
        self.frames, self.shape = shape[0], shape[1:]
        self.model = model
        self.options = options
        self.threads = threads
        self.pixel_size_angstrom = pixel_size_angstrom
        self.ring_step = 1.0 / (_RINGS_A_STEP * max(self.shape) * pixel_size_angstrom)
        self.y, self.x = fourier.frequencies(self.shape, pixel_size_angstrom)
        self.basis = self._basis()
        self.in_time = self._in_time()
        self.sums = np.empty((len(self.in_time), *self.shape), np.float32)
        self.part = _empty(self.shape if options.frame_sink is not None else (0, 0))
        # The sink may still look at the group before.
        self.groups = [_empty(self.shape) for _ in range(2)] if options.group_sink else []

    @functools.cached_property
    def response(self) -> ImageArray:
        """Of all counts the same, so that parts of the sum add up to it."""
        return self._response(np.ones(self.frames))

    def _basis(self) -> WeightBasis | None:
        if self.options.exposure is None:
            return None
        highest = float(np.hypot(np.abs(self.y).max(), self.x.max()))
        rings = np.arange(int(highest / self.ring_step) + 2, dtype=np.float64) * self.ring_step
        return weight_basis(self.options.exposure, self.frames, rings)

    def _in_time(self) -> FloatArray:
        """Return ``(sums, frames)``: all frames alike, or odd and even ones, then dose's terms."""
        alike = np.ones((1, self.frames))
        if self.options.halves:
            alike = np.zeros((2, self.frames))
            alike[0, 0::2] = alike[1, 1::2] = 1.0
        return alike if self.basis is None else np.concatenate([alike, self.basis.in_time[1:]])

    def add(self, batch: _Batch, pool: ThreadPoolExecutor) -> None:
        first, count = batch.first, len(batch.frames)
        moved = np.zeros((resample.AT_A_TIME, 2, 6))
        weights = np.zeros((len(self.sums), resample.AT_A_TIME), np.float32)
        weights[:, :count] = self.in_time[:, first : first + count]
        for number in range(count):
            moved[number] = self.model.frame_coefficients_px(first + number)
            moved[number, :, 0] += self.model.global_shifts_px[first + number]
        four = tuple(batch.frames[min(number, count - 1)] for number in range(resample.AT_A_TIME))
        taps = interpolation.interpolation_taps()
        group, rest = divmod(first, self.options.group_frames)
        part, fresh = self.part, True
        if self.groups and not part.size:
            part, fresh = self.groups[group % 2], rest == 0

        def work(band: tuple[int, int]) -> None:
            resample.add_resampled(
                four, batch.gain, count, moved, taps, part, fresh, self.sums, weights, first == 0,
                band,
            )  # fmt: skip

        # Bands, taken as threads become free: a sink may work beside them.
        list(pool.map(work, resample.bands(self.shape[0])))
        if self.options.frame_sink is not None:
            self._take_frame(first, self.options.frame_sink)
        if (first + count) % self.options.group_frames == 0:
            self._hand_over_group(group)

    def _take_frame(self, index: int, sink: FrameSink) -> None:
        """Hand over a corrected frame, and add it to its group."""
        if self.groups:
            group, rest = divmod(index, self.options.group_frames)
            total = self.groups[group % 2]
            np.copyto(total, self.part) if rest == 0 else np.add(total, self.part, out=total)
        sink(index, self._image(self._spectrum(self.part), self.response))

    def _hand_over_group(self, number: int) -> None:
        if self.options.group_sink is not None:
            self.options.group_sink(number, self.groups[number % 2])

    def finish(self) -> FrameSums:
        if self.frames < self.options.group_frames:
            self._hand_over_group(0)
        images, total = [], None
        halves = 2 if self.options.halves else 1
        alike = self.options.halves or self.options.unweighted or self.basis is None
        for index in range(len(self.sums)):
            spectrum = self._spectrum(self.sums[index])
            if self.basis is not None:
                begin = total is None
                total = np.empty_like(spectrum) if total is None else total
                factors = self.basis.in_space[max(index - halves + 1, 0)]
                _add_by_ring(
                    total, spectrum, self.y[:, 0], self.x[0], self.ring_step, factors, begin
                )
            if index < halves and alike:
                images.append(self._image(spectrum, self.response))
        weighted = None
        if total is not None:
            weighted = self._image(total, self._response(self._fine_weights()))
        if not self.options.halves:
            return FrameSums(images[0] if alike else None, weighted, None, None)
        odd, even = images
        return FrameSums(odd + even, weighted, even, odd)

    def _fine_weights(self) -> FloatArray:
        """Return ``(frames,)``: weights by dose near Nyquist, where resampling damps noise."""
        if self.options.exposure is None:
            return np.ones(self.frames)
        near = np.array([0.5 * _NEAR_NYQUIST / self.pixel_size_angstrom])
        exposure = self.options.exposure
        return np.concatenate([exposure.weights(index, near) for index in range(self.frames)])

    def _response(self, weights: FloatArray) -> ImageArray:
        """Return what resampling does to noise in a sum of frames with such weights."""
        y, x = ((np.arange(_PROBED) + 0.5) / _PROBED * size for size in self.shape)
        moves = self.model.shifts_px(np.tile(x, _PROBED), np.repeat(y, _PROBED))
        return interpolation.noise_response(moves, weights)

    def _spectrum(self, total: ImageArray) -> SpectrumArray:
        """Return the spectrum of a sum, whose borders are changed."""
        interpolation.join_borders(total)
        return fourier.forward(total, self.threads)

    def _image(self, spectrum: SpectrumArray, response: ImageArray) -> ImageArray:
        """Return the image of a sum, its noise white; overwrites the spectrum."""
        y, x = fourier.frequencies(self.shape)
        interpolation.whiten(spectrum, response, y[:, 0], x[0])
        return fourier.inverse(spectrum, self.shape, self.threads)


def _empty(shape: tuple[int, int]) -> ImageArray:
    return np.empty(shape, np.float32)


def _finite(frame: PixelArray) -> PixelArray:
    """Return a frame whose values that are no numbers are its mean."""
    if frame.dtype != np.float32 or np.isfinite(frame.sum()):
        # The kernel takes arrays of one kind.
        return np.require(frame, requirements=("C", "W"))
    finite = np.isfinite(frame)
    mean = frame[finite].mean() if finite.any() else 0.0
    return np.where(finite, frame, np.float32(mean)).astype(np.float32)


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _add_by_ring(total, spectrum, y, x, step, factors, begin):  # type: ignore[no-untyped-def]
    """Add a spectrum times the factor of each frequency's ring, or begin anew with it."""
    scale = np.float32(1.0 / step)
    for row in numba.prange(total.shape[0]):
        if begin:
            total[row, :] = 0.0
        for column in range(total.shape[1]):
            k = np.sqrt(y[row] * y[row] + x[column] * x[column]) * scale
            total[row, column] += spectrum[row, column] * factors[np.uintp(k + np.float32(0.5))]
