"""The frames of a movie as motion estimation looks at them: few, coarse pixels."""

import math
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np

from cryobatch.imaging import fourier
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray

_OUTLIER_DEVIATIONS = 12.0


class FrameSource(Protocol):
    """Frames that come one at a time, because all of them would not fit into memory."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)``."""

    def frame(self, index: int) -> ImageArray:
        """Return frame ``index``, ``(rows, columns)`` float32, gain-corrected counts."""


@dataclass(frozen=True, slots=True)
class CoarseFrames:
    """All frames of a movie, Fourier-cropped, as spectra.

    Attributes:
        spectra: ``(frames, rows, columns // 2 + 1)`` complex64; zero where a frame is empty.
        shape: ``(rows, columns)`` of the coarse images.
        pixel_size_angstrom: Å a coarse pixel along y and x.
        full_shape: ``(rows, columns)`` of the frames.
    """

    spectra: SpectrumArray
    shape: tuple[int, int]
    pixel_size_angstrom: tuple[float, float]
    full_shape: tuple[int, int]

    @property
    def present(self) -> FloatArray:
        """``(frames,)`` float64: 1 where a frame has content, 0 where it is empty."""
        power = np.abs(self.spectra[:, :, 1:]).max(axis=(1, 2))
        result: FloatArray = (power > 0.0).astype(np.float64)
        return result

    def image(self, index: int, threads: int = 1) -> ImageArray:
        """Return a coarse frame, ``(rows, columns)`` float32, of mean zero."""
        return fourier.inverse(self.spectra[index].copy(), self.shape, threads)


def read_coarse(
    source: FrameSource, pixel_size_angstrom: float, wanted_angstrom: float, threads: int
) -> CoarseFrames:
    """Read every frame once and keep its low frequencies.

    Args:
        source: The frames.
        pixel_size_angstrom: Å a pixel of a frame.
        wanted_angstrom: Å a coarse pixel; frames that are coarser already stay as they are.
        threads: For Fourier transforms.
    """
    frames, rows, columns = source.shape
    shape = _coarse_shape((rows, columns), pixel_size_angstrom, wanted_angstrom)
    spectra = np.empty((frames, shape[0], shape[1] // 2 + 1), np.complex64)
    for index in range(frames):
        frame = without_outliers(source.frame(index))
        spectra[index] = fourier.forward_cropped(frame, shape, threads)
        spectra[index, 0, 0] = 0.0
        if not frame.any():
            spectra[index] = 0.0
    pixels = (pixel_size_angstrom * rows / shape[0], pixel_size_angstrom * columns / shape[1])
    return CoarseFrames(spectra, shape, pixels, (rows, columns))


def without_outliers(frame: ImageArray) -> ImageArray:
    """Return a frame of mean zero, all zero if empty, with what is no electron set to the mean.

    Not a number, and pixels far off the others (hot ones, cosmic rays), would correlate between
    frames where the camera has them, not where the specimen is.
    """
    sample = frame[:: max(1, frame.shape[0] // 512), :: max(1, frame.shape[1] // 512)]
    sample = sample[np.isfinite(sample)]
    if not sample.size or float(np.ptp(sample)) <= 1e-6 * float(np.abs(sample).max()):
        return np.zeros(frame.shape, np.float32)
    low, high = (float(value) for value in np.percentile(sample, (0.5, 99.5)))
    usual = sample[(sample >= low) & (sample <= high)]
    mean, deviation = float(usual.mean()), float(usual.std()) or float(sample.std())
    centred: ImageArray = _centred(frame, mean, _OUTLIER_DEVIATIONS * deviation)
    return centred


@numba.njit(cache=True, parallel=True, nogil=True)
def _centred(frame, mean, limit):  # type: ignore[no-untyped-def]  # numba infers the types
    centred = np.empty(frame.shape, np.float32)
    for row in numba.prange(frame.shape[0]):
        for column in range(frame.shape[1]):
            value = frame[row, column] - mean
            # A comparison with what is no number is false.
            centred[row, column] = value if abs(value) <= limit else 0.0
    return centred


def _coarse_shape(
    shape: tuple[int, int], pixel_size_angstrom: float, wanted_angstrom: float
) -> tuple[int, int]:
    factor = max(1.0, wanted_angstrom / pixel_size_angstrom)
    rows, columns = (min(length, fourier.good_size(math.ceil(length / factor))) for length in shape)
    return rows, columns
