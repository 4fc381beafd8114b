"""Amplitude spectra of micrographs, as CTF fits need them.

A spectrum is the mean of |FFT| over boxes that overlap by half, each less its mean and under a Hann
window. Where pixels are small, boxes are larger and their spectra are cut at
`TARGET_PIXEL_ANGSTROM` (as CTFFIND resamples): beyond that are no rings, and the rings within stay
as well sampled as with large pixels.
"""

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np

from cryobatch.errors import BadInput
from cryobatch.imaging import fft
from cryobatch.imaging.arrays import FloatArray, ImageArray, SpectrumArray
from cryobatch.imaging.ctf_pixels import LEAST_SIZE
from cryobatch.imaging.fourier import good_size

TARGET_PIXEL_ANGSTROM = 1.4
_SAMPLE_STEPS = (37, 149)
"""Every so many pixels of a small and a large image tell which brightness is usual (primes: no
pattern of the camera's)."""
_LARGE_PIXELS = 1 << 22


@dataclass(frozen=True, slots=True)
class AmplitudeSpectrum:
    """A centred amplitude spectrum.

    Attributes:
        amplitudes: ``(size, size)`` float32, zero frequency at ``size // 2``; that pixel is 0.
        pixel_size_angstrom: Of the image whose spectrum has this size and step.
    """

    amplitudes: ImageArray
    pixel_size_angstrom: float


def amplitude_spectrum(
    micrograph: ImageArray,
    box: int,
    *,
    pixel_size_angstrom: float,
    target_pixel_angstrom: float = TARGET_PIXEL_ANGSTROM,
    overlap: float = 0.5,
    threads: int = 1,
) -> AmplitudeSpectrum:
    """Average the amplitude spectra of boxes all over a micrograph.

    Args:
        micrograph: ``(rows, columns)``, any real type.
        box: Pixels of the result along each side; less where the micrograph is smaller.
        pixel_size_angstrom: Of the micrograph.
        target_pixel_angstrom: Cut spectra of smaller pixels so that they are those of this pixel.
        overlap: Of neighbouring boxes, 0 up to 0.9.
        threads: Rows of boxes to work on at a time.

    Raises:
        BadInput: The micrograph is no image, is too small, or holds values that are no numbers.
    """
    image = np.ascontiguousarray(_as_image(micrograph))
    low, high = _usual_range(image)
    cut, size = _box_sizes(image, box, pixel_size_angstrom, target_pixel_angstrom)
    window = _hann(cut)

    def add_row(row: int) -> FloatArray:
        """Return the sum of a row of boxes, one after another in memory that is there already."""
        pixels = np.empty((cut, cut), np.float32)
        total = np.zeros((cut, size // 2 + 1), np.float64)
        for column in _starts(image.shape[1], cut, overlap):
            if not _fill_box(image, row, column, low, high, window, pixels):
                raise _damaged(image)
            _add_amplitudes(_low_frequencies(pixels, size // 2 + 1), total)
        return total

    with ThreadPoolExecutor(threads) as pool:
        total = functools.reduce(np.add, pool.map(add_row, _starts(image.shape[0], cut, overlap)))
    amplitudes = _centred(total.astype(np.float32), cut, size)
    return AmplitudeSpectrum(amplitudes, pixel_size_angstrom * cut / size)


def _low_frequencies(box: ImageArray, columns: int) -> SpectrumArray:
    """Return the first columns of a box's spectrum."""
    lines = fft.rfft(box, axis=1)
    kept = np.ascontiguousarray(lines[:, :columns])
    spectrum: SpectrumArray = fft.fft(kept, axis=0, overwrite_x=True)
    return spectrum


# No parallel kernels: spectra are made in a thread beside others that have some.


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fill_box(image, top, left, low, high, window, out):  # type: ignore[no-untyped-def]  # numba
    """Write pixels, cut at two limits, less their mean and under a window; tell if all are some."""
    total, strange = np.float64(0.0), np.float32(0.0)
    for row in range(out.shape[0]):
        line, written = image[top + row][left : left + out.shape[1]], out[row]
        total_of_row = np.float32(0.0)
        for column in range(line.size):
            value = line[column]
            strange += value - value  # 0, or no number where the pixel is none
            value = low if value < low else value
            value = high if value > high else value
            written[column] = value
            total_of_row += value
        total += total_of_row
    mean = np.float32(total / out.size)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = (out[row, column] - mean) * window[row, column]
    return strange == np.float32(0.0)


@numba.njit(cache=True, nogil=True)
def _add_amplitudes(spectrum, total):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add magnitudes to ``(rows, columns)``."""
    for row in range(total.shape[0]):
        for column in range(total.shape[1]):
            value = spectrum[row, column]
            total[row, column] += np.sqrt(value.real * value.real + value.imag * value.imag)


def checked_image(image: ImageArray) -> ImageArray:
    """Return ``(rows, columns)`` float32 in which hot pixels are capped; else raise `BadInput`."""
    pixels = _as_image(image)
    if not np.isfinite(pixels).all():
        raise _damaged(pixels)
    return np.clip(pixels, *_usual_range(pixels))


def _as_image(image: ImageArray) -> ImageArray:
    if image.ndim != 2:
        raise BadInput(f"a micrograph has rows and columns, this one has {image.ndim} dimensions")
    return image.astype(np.float32, copy=False)


def _damaged(image: ImageArray) -> BadInput:
    strange = int(image.size - np.count_nonzero(np.isfinite(image)))
    return BadInput(
        f"{strange} of {image.size} pixels of the micrograph are no numbers: "
        "it is damaged; make it again"
    )


def _usual_range(image: ImageArray) -> tuple[np.float32, np.float32]:
    """Return between which values pixels lie that are not hot."""
    sample = image.ravel()[:: _SAMPLE_STEPS[image.size > _LARGE_PIXELS]]
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, [0.1, 99.9]) if sample.size else (0.0, 0.0)
    reach = float(high - low)
    if reach <= 0.0:
        return np.float32(-np.inf), np.float32(np.inf)
    return np.float32(low - reach), np.float32(high + reach)


def _box_sizes(
    image: ImageArray, box: int, pixel_size_angstrom: float, target_pixel_angstrom: float
) -> tuple[int, int]:
    """Return the box to transform, and the size to cut its spectrum to."""
    room = min(image.shape) // 2 * 2
    if room < LEAST_SIZE:
        shape = " x ".join(str(length) for length in image.shape)
        raise BadInput(f"the micrograph is {shape} pixels, at least {LEAST_SIZE} are needed")
    ratio = max(1.0, target_pixel_angstrom / pixel_size_angstrom)
    cut = good_size(math.ceil(box * ratio)) if ratio > 1.0 else box // 2 * 2
    if cut <= room:
        return cut, box // 2 * 2
    return room, max(LEAST_SIZE, int(room / ratio) // 2 * 2)


def _starts(length: int, box: int, overlap: float) -> list[int]:
    """Return the first pixels of boxes that reach from end to end."""
    step = max(1.0, box * (1.0 - overlap))
    count = math.ceil((length - box) / step) + 1
    return [int(start) for start in np.linspace(0, length - box, count)]


def _hann(size: int) -> ImageArray:
    line = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return np.outer(line, line).astype(np.float32)


def _centred(half: ImageArray, cut: int, size: int) -> ImageArray:
    """Unfold half a spectrum, cut its middle out and let it be 0 at zero frequency."""
    reach = size // 2
    rows = np.fft.fftshift(half, axes=0)[cut // 2 - reach : cut // 2 + reach]
    full = np.empty((size, size), np.float32)
    full[:, reach:] = rows[:, :reach]
    mirror = np.empty((size, reach), np.float32)
    if cut > size:
        mirror[0] = np.fft.fftshift(half, axes=0)[cut // 2 + reach, 1 : reach + 1]
    else:
        mirror[0] = rows[0, 1 : reach + 1]
    mirror[1:] = rows[:0:-1, 1 : reach + 1]
    full[:, :reach] = mirror[:, ::-1]
    full[reach, reach] = 0.0
    return full
