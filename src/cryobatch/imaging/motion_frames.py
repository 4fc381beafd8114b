"""The frames of a movie as motion estimation looks at them: few, coarse pixels."""

import math
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.imaging import fourier
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.frame_source import FrameSource, PixelArray, frame_reader

_OUTLIER_DEVIATIONS = 12.0
_JOINED = 2.4
"""Movie's pixels of a coarse one, from which on they may be joined two by two: what aliases then
lies beyond the coarse Nyquist frequency, or is weak."""
_SMALLEST_JOINED = 512
_NO_GAIN = np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class CoarseFrames:
    """All frames of a movie, Fourier-cropped, as spectra.

    Attributes:
        spectra: ``(frames, rows, columns // 2 + 1)`` complex64; zero where a frame is empty.
        shape: ``(rows, columns)`` of the coarse images.
        pixel_size_angstrom: Å a coarse pixel along y and x.
        full_shape: ``(rows, columns)`` of the frames.
        present: ``(frames,)`` float64: 1 where a frame has content, 0 where it is empty.
    """

    spectra: SpectrumArray
    shape: tuple[int, int]
    pixel_size_angstrom: tuple[float, float]
    full_shape: tuple[int, int]
    present: FloatArray

    def image(self, index: int, threads: int = 1) -> ImageArray:
        """Return a coarse frame, ``(rows, columns)`` float32, of mean zero."""
        return fourier.inverse(self.spectra[index].copy(), self.shape, threads)

    def coarser(self, wanted_angstrom: float) -> "CoarseFrames":
        """Return the frames in pixels of about so many Å, themselves if theirs are that coarse."""
        factor = wanted_angstrom / max(self.pixel_size_angstrom)
        if factor <= 1.0:
            return self
        rows, columns = (fourier.good_size(math.ceil(length / factor)) for length in self.shape)
        shape = min(rows, self.shape[0]), min(columns, self.shape[1])
        spectra = fourier.crop_spectra(self.spectra, self.shape, shape)
        pixels = (
            self.pixel_size_angstrom[0] * self.shape[0] / shape[0],
            self.pixel_size_angstrom[1] * self.shape[1] / shape[1],
        )
        return CoarseFrames(spectra, shape, pixels, self.full_shape, self.present)


def read_coarse(
    source: FrameSource, pixel_size_angstrom: float, wanted_angstrom: float, threads: int
) -> CoarseFrames:
    """Read every frame once, in this thread, and keep its low frequencies.

    Args:
        source: The frames.
        pixel_size_angstrom: Å a pixel of a frame.
        wanted_angstrom: Å a coarse pixel; frames that are coarser already stay as they are.
        threads: Frames to work on at a time.
    """
    frames, rows, columns = source.shape
    halvings = _halvings((rows, columns), wanted_angstrom / pixel_size_angstrom)
    halved = (rows >> halvings, columns >> halvings)
    pixel = pixel_size_angstrom * 2**halvings
    shape = _coarse_shape(halved, pixel, wanted_angstrom)
    spectra = np.empty((frames, shape[0], shape[1] // 2 + 1), np.complex64)
    present = np.ones(frames)

    reader = frame_reader(source)

    def transform(index: int, frame: PixelArray, buffer: PixelArray) -> PixelArray:
        coarse = _coarse_image(frame, reader.gain, halvings)
        spectra[index] = fourier.forward_cropped(coarse, shape)
        spectra[index, 0, 0] = 0.0
        if not coarse.any():
            spectra[index], present[index] = 0.0, 0.0
        return buffer

    # No more frames are held than can be worked on.
    buffers = list(reader.buffers(min(threads + 1, frames)))
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[PixelArray]] = deque()
        for index in range(frames):
            buffer = buffers.pop() if buffers else waiting.popleft().result()
            frame = reader.read(index, buffer)
            waiting.append(pool.submit(transform, index, frame, buffer))
        for each in waiting:
            each.result()
    pixels = (pixel * halved[0] / shape[0], pixel * halved[1] / shape[1])
    return CoarseFrames(spectra, shape, pixels, (rows, columns), present)


def _halvings(shape: tuple[int, int], factor: float) -> int:
    """Return how often pixels may be joined two by two before the rest is cropped."""
    halvings = 0
    while factor >= _JOINED * 2**halvings and min(shape) >> halvings >= _SMALLEST_JOINED:
        halvings += 1
    return halvings


def _coarse_image(frame: PixelArray, gain: ImageArray, halvings: int) -> ImageArray:
    """Return a frame of mean zero in fewer pixels, what is no electron set to the mean.

    Not a number, and pixels far off the others (hot ones, cosmic rays), would correlate between
    frames where the camera has them, not where the specimen is.
    """
    mean, limit = usual_range(frame, gain)
    if limit <= 0.0:
        return np.zeros((frame.shape[0] >> halvings, frame.shape[1] >> halvings), np.float32)
    if not halvings:
        whole: ImageArray = _centred(frame, gain, np.float32(mean), np.float32(limit))
        return whole
    image: ImageArray = _halved(frame, gain, np.float32(mean), np.float32(limit))
    for _ in range(halvings - 1):
        image = _halved(image, _NO_GAIN, np.float32(0.0), np.float32(np.inf))
    return image


def usual_range(frame: PixelArray, gain: ImageArray) -> tuple[float, float]:
    """Return the mean of a frame's pixels and how far off it one may be; 0 for an empty frame."""
    grid = (slice(None, None, max(1, length // 128)) for length in frame.shape)
    rows, columns = grid
    sample = frame[rows, columns].astype(np.float32)
    if gain.size:
        sample *= gain[rows, columns]
    sample = sample[np.isfinite(sample)]
    if not sample.size or float(np.ptp(sample)) <= 1e-6 * float(np.abs(sample).max()):
        return 0.0, 0.0
    low, high = (float(value) for value in np.percentile(sample, (0.5, 99.5)))
    usual = sample[(sample >= low) & (sample <= high)]
    deviation = float(usual.std()) or float(sample.std())
    return float(usual.mean()), _OUTLIER_DEVIATIONS * deviation


@numba.njit(cache=True, nogil=True)
def _centred(frame, gain, mean, limit):  # type: ignore[no-untyped-def]  # numba infers the types
    centred = np.empty(frame.shape, np.float32)
    for row in range(frame.shape[0]):
        _centre_line(frame, gain, row, mean, limit, centred[row])
    return centred


@numba.njit(cache=True, nogil=True)
def _centre_line(frame, gain, row, mean, limit, line):  # type: ignore[no-untyped-def]
    """Write a row of a frame, times the gain, less the mean; 0 what is too far off it."""
    values = frame[row]
    if gain.size:
        factors = gain[row]
        for column in range(line.size):
            value = np.float32(values[column]) * factors[column] - mean
            # A comparison with what is no number is false.
            line[column] = value if abs(value) <= limit else np.float32(0.0)
    else:
        for column in range(line.size):
            value = np.float32(values[column]) - mean
            line[column] = value if abs(value) <= limit else np.float32(0.0)


@numba.njit(cache=True, nogil=True)
def _halved(frame, gain, mean, limit):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return an image in half as many pixels along each axis, by the weights 1, 3, 3, 1.

    They pass cos³(pi f): of what lies at 0.35 cycles a pixel and comes to lie at 0.15, 1.3 % of
    the power, and next to nothing of what comes to lie at lower frequencies.
    """
    rows, columns = frame.shape[0] // 2, frame.shape[1] // 2
    halved = np.empty((rows, columns), np.float32)
    # Rows 2 n - 1 to 2 n + 2, each in the place of its number modulo 4.
    lines = np.zeros((4, 2 * columns), np.float32)
    joined = np.zeros(2 * columns + 2, np.float32)
    three, part = np.float32(3.0), np.float32(1.0 / 64.0)
    _centre_line(frame, gain, 0, mean, limit, lines[0])
    lines[3] = lines[0]
    for row in range(rows):
        for new in (2 * row + 1, 2 * row + 2):
            below = min(new, frame.shape[0] - 1)
            _centre_line(frame, gain, below, mean, limit, lines[new % 4])
        first, second = lines[(2 * row + 3) % 4], lines[2 * row % 4]
        third, last = lines[(2 * row + 1) % 4], lines[(2 * row + 2) % 4]
        for column in range(2 * columns):
            middle = second[column] + third[column]
            joined[column + 1] = first[column] + three * middle + last[column]
        joined[0], joined[2 * columns + 1] = joined[1], joined[2 * columns]
        for column in range(columns):
            place = np.uintp(2 * column)
            middle = joined[place + np.uintp(1)] + joined[place + np.uintp(2)]
            halved[row, column] = part * (
                joined[place] + three * middle + joined[place + np.uintp(3)]
            )
    return halved


def _coarse_shape(
    shape: tuple[int, int], pixel_size_angstrom: float, wanted_angstrom: float
) -> tuple[int, int]:
    factor = max(1.0, wanted_angstrom / pixel_size_angstrom)
    rows, columns = (min(length, fourier.good_size(math.ceil(length / factor))) for length in shape)
    return rows, columns
