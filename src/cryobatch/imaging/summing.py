"""Sum the frames of a movie with their motion undone.

Where only whole frames move, their spectra are shifted exactly. Where content moves locally, frames
are first resampled with a cubic B-spline, and the sums filtered once for what that does. Sums live
in Fourier space, where dose weighting is a factor.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging import fourier, spline
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.dose import Exposure
from cryobatch.imaging.motion_frames import FrameSource
from cryobatch.imaging.motion_model import MotionModel

FrameSink = Callable[[int, ImageArray], None]
"""Takes a corrected frame or sum, with its index from 0."""

_RINGS_A_STEP = 4


@dataclass(frozen=True, slots=True)
class SumOptions:
    """What to make of the frames.

    Attributes:
        exposure: Weights frames by dose; None makes no weighted sum.
        halves: Also sum even and odd frames apart.
        group_frames: Hand sums of so many successive frames to ``group_sink``.
        group_sink: Takes them, or None.
        frame_sink: Takes each corrected frame, or None.
        progress: Takes the number of frames done.
    """

    exposure: Exposure | None = None
    halves: bool = False
    group_frames: int = 1
    group_sink: FrameSink | None = None
    frame_sink: FrameSink | None = None
    progress: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class FrameSums:
    """Sums of corrected frames, ``(rows, columns)`` float32.

    Attributes:
        unweighted: Counts of all frames.
        weighted: By dose, divided by sqrt(sum q²) (see ``dose``); None if not asked for.
        even: Counts of the 2nd, 4th, ... frame; None if not asked for.
        odd: Counts of the 1st, 3rd, ... frame; None if not asked for. Even and odd add up to
            ``unweighted``.
    """

    unweighted: ImageArray
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
        source: Gain-corrected frames; what is no number counts as the frame's mean.
        model: Their motion.
        pixel_size_angstrom: Å a pixel.
        options: What to make.
        threads: Threads to use.
    """
    sums = _Sums(source.shape[1:], model, pixel_size_angstrom, options, threads)
    for index in range(source.shape[0]):
        sums.add(index, _finite(source.frame(index)))
        if options.progress is not None:
            options.progress(index + 1)
    return sums.finish(source.shape[0])


class _Sums:
    """Accumulators in Fourier space, as few as the options need."""

    def __init__(
        self,
        shape: tuple[int, int],
        model: MotionModel,
        pixel_size_angstrom: float,
        options: SumOptions,
        threads: int,
    ) -> None:
        self.shape = shape
        self.model = model
        self.options = options
        self.threads = threads
        self.y, self.x = fourier.frequencies(shape)
        size = (shape[0], shape[1] // 2 + 1)
        self.first = np.zeros(size, np.complex64)
        self.second = np.zeros(size, np.complex64) if options.halves else self.first
        self.group = np.zeros(size, np.complex64) if options.group_sink else None
        self.weighted = np.zeros(size, np.complex64) if options.exposure else None
        self.rings, self.ring_frequencies = _rings(shape, pixel_size_angstrom)
        self.squares = np.zeros(self.ring_frequencies.size)

    def add(self, index: int, frame: ImageArray) -> None:
        shift = self.model.global_shifts_px[index]
        if self.model.coefficients_px is not None:
            frame = _warped(frame, self.model, index)
            shift = np.zeros(2)
        spectrum = fourier.forward(frame, self.threads)
        if shift.any():
            y = np.exp(2j * np.pi * shift[1] * self.y[:, 0]).astype(np.complex64)
            x = np.exp(2j * np.pi * shift[0] * self.x[0]).astype(np.complex64)
            _shift(spectrum, y, x)
        self._accumulate(index, spectrum)
        if self.options.frame_sink is not None:
            self.options.frame_sink(index, self._image(spectrum))

    def _accumulate(self, index: int, spectrum: SpectrumArray) -> None:
        _add(self.first if index % 2 == 0 else self.second, spectrum)
        if self.weighted is not None and self.options.exposure is not None:
            weights = self.options.exposure.weights(index, self.ring_frequencies)
            self.squares += weights**2
            _add_weighted(self.weighted, spectrum, self.rings, weights.astype(np.float32))
        if self.group is not None:
            _add(self.group, spectrum)
            if (index + 1) % self.options.group_frames == 0:
                self._hand_over_group(index // self.options.group_frames)

    def _hand_over_group(self, number: int) -> None:
        if self.group is not None and self.options.group_sink is not None:
            self.options.group_sink(number, self._image(self.group))
            self.group[:] = 0.0

    def finish(self, frames: int) -> FrameSums:
        if frames < self.options.group_frames:
            self._hand_over_group(0)
        weighted = None
        if self.weighted is not None:
            factor = (1.0 / np.sqrt(np.maximum(self.squares, 1e-30))).astype(np.float32)
            _scale_rings(self.weighted, self.rings, factor)
            weighted = self._image(self.weighted)
        if not self.options.halves:
            return FrameSums(self._image(self.first), weighted, None, None)
        odd, even = self._image(self.first), self._image(self.second)
        return FrameSums(odd + even, weighted, even, odd)

    def _image(self, spectrum: SpectrumArray) -> ImageArray:
        """Return the image of a sum that nobody needs any more, or of a copy of it."""
        filtered = spectrum.copy()
        if self.model.coefficients_px is not None:
            filtered /= spline.noise_response(self.y) * spline.noise_response(self.x)
        return fourier.inverse(filtered, self.shape, self.threads)


def _finite(frame: ImageArray) -> ImageArray:
    finite = np.isfinite(frame)
    if finite.all():
        return frame
    mean = frame[finite].mean() if finite.any() else 0.0
    return np.where(finite, frame, np.float32(mean)).astype(np.float32)


def _rings(
    shape: tuple[int, int], pixel_size_angstrom: float
) -> tuple[NDArray[np.uint16], FloatArray]:
    """Return the fine ring of each frequency, and the rings' frequencies, 1/Å."""
    y, x = fourier.frequencies(shape, pixel_size_angstrom)
    step = 1.0 / (_RINGS_A_STEP * max(shape) * pixel_size_angstrom)
    rings = np.rint(np.hypot(y, x) / np.float32(step)).astype(np.uint16)
    return rings, np.arange(int(rings.max()) + 1, dtype=np.float64) * step


def _warped(frame: ImageArray, model: MotionModel, index: int) -> ImageArray:
    """Return a frame with its motion undone, blurred by the B-spline."""
    moved = model.frame_coefficients_px(index)
    moved[:, 0] += model.global_shifts_px[index]
    warped = np.empty_like(frame)
    _warp(warped, frame, moved)
    return warped


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _warp(out, frame, moved):  # type: ignore[no-untyped-def]  # numba infers the types
    rows, columns = out.shape
    for row in numba.prange(rows):
        v = row / rows - 0.5
        for column in range(columns):
            u = column / columns - 0.5
            x = column + spline.bend(moved[0], u, v)
            y = row + spline.bend(moved[1], u, v)
            out[row, column] = spline.sample(frame, x, y)


@numba.njit(cache=True, parallel=True, nogil=True, fastmath=True)
def _shift(spectrum, y, x):  # type: ignore[no-untyped-def]  # numba infers the types
    for row in numba.prange(spectrum.shape[0]):
        for column in range(spectrum.shape[1]):
            spectrum[row, column] *= y[row] * x[column]


@numba.njit(cache=True, parallel=True, nogil=True)
def _add(total, spectrum):  # type: ignore[no-untyped-def]  # numba infers the types
    for row in numba.prange(total.shape[0]):
        for column in range(total.shape[1]):
            total[row, column] += spectrum[row, column]


@numba.njit(cache=True, parallel=True, nogil=True)
def _add_weighted(total, spectrum, rings, weights):  # type: ignore[no-untyped-def]
    for row in numba.prange(total.shape[0]):
        for column in range(total.shape[1]):
            total[row, column] += spectrum[row, column] * weights[rings[row, column]]


@numba.njit(cache=True, parallel=True, nogil=True)
def _scale_rings(spectrum, rings, factor):  # type: ignore[no-untyped-def]
    for row in numba.prange(spectrum.shape[0]):
        for column in range(spectrum.shape[1]):
            spectrum[row, column] *= factor[rings[row, column]]
