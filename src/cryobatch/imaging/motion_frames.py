"""The frames of a movie as motion estimation looks at them: few, coarse pixels."""

import math
from dataclasses import dataclass
from typing import Protocol

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
        full = fourier.forward(frame, threads)
        spectra[index] = fourier.crop_spectrum(full, (rows, columns), shape)
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
    finite = np.isfinite(frame)
    frame = frame if finite.all() else np.where(finite, frame, np.float32(np.nan))
    sample = frame[:: max(1, frame.shape[0] // 512), :: max(1, frame.shape[1] // 512)]
    sample = sample[np.isfinite(sample)]
    deviation = float(sample.std()) if sample.size else 0.0
    if deviation <= 1e-6 * max(1.0, abs(float(sample.mean())) if sample.size else 1.0):
        return np.zeros(frame.shape, np.float32)
    mean = np.float32(np.median(sample) if deviation > 1e3 else sample.mean())
    limit = np.float32(_OUTLIER_DEVIATIONS * _spread(sample))
    centred = np.nan_to_num(frame - mean, copy=False, nan=0.0)
    centred[np.abs(centred) > limit] = 0.0
    result: ImageArray = centred
    return result


def _spread(sample: ImageArray) -> float:
    """Return a deviation that a few outliers in the sample do not enlarge."""
    low, high = np.percentile(sample, (0.5, 99.5))
    inside = sample[(sample >= low) & (sample <= high)]
    return float(inside.std()) * 1.1 or float(sample.std())


def _coarse_shape(
    shape: tuple[int, int], pixel_size_angstrom: float, wanted_angstrom: float
) -> tuple[int, int]:
    factor = max(1.0, wanted_angstrom / pixel_size_angstrom)
    rows, columns = (min(length, fourier.good_size(math.ceil(length / factor))) for length in shape)
    return rows, columns
