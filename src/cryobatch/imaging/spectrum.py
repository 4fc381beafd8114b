"""Amplitude spectra of micrographs, as CTF fits need them.

A spectrum is the mean of |FFT| over boxes that overlap by half, each less its mean and under a Hann
window. Where pixels are small, boxes are larger and their spectra are cut at
`TARGET_PIXEL_ANGSTROM` (as CTFFIND resamples): beyond that are no rings, and the rings within stay
as well sampled as with large pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.ctf_pixels import LEAST_SIZE
from cryobatch.imaging.fourier import good_size

TARGET_PIXEL_ANGSTROM = 1.4
SAMPLE_STEP = 37
"""Every so many pixels tell which brightness is usual (a prime: no pattern of the camera's)."""


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
        threads: For the transforms.

    Raises:
        BadInput: The micrograph is no image, is too small, or holds values that are no numbers.
    """
    image = checked_image(micrograph)
    cut, size = _box_sizes(image, box, pixel_size_angstrom, target_pixel_angstrom)
    window = _hann(cut)
    total = np.zeros((cut, cut // 2 + 1), np.float64)
    for row in _starts(image.shape[0], cut, overlap):
        boxes = np.stack(list(_boxes(image[row : row + cut], cut, overlap)))
        boxes -= boxes.mean(axis=(1, 2), keepdims=True)
        boxes *= window
        total += np.abs(scipy.fft.rfft2(boxes, workers=threads, overwrite_x=True)).sum(axis=0)
    amplitudes = _centred(total.astype(np.float32), cut, size)
    return AmplitudeSpectrum(amplitudes, pixel_size_angstrom * cut / size)


def checked_image(image: ImageArray) -> ImageArray:
    """Return ``(rows, columns)`` float32 in which hot pixels are capped; else raise `BadInput`."""
    if image.ndim != 2:
        raise BadInput(f"a micrograph has rows and columns, this one has {image.ndim} dimensions")
    result = np.array(image, dtype=np.float32)
    strange = int(result.size - np.count_nonzero(np.isfinite(result)))
    if strange:
        raise BadInput(
            f"{strange} of {result.size} pixels of the micrograph are no numbers: "
            "it is damaged; make it again"
        )
    low, high = np.percentile(result.ravel()[::SAMPLE_STEP], [0.1, 99.9])
    reach = float(high - low)
    return np.clip(result, low - reach, high + reach, out=result) if reach > 0.0 else result


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


def _boxes(rows: ImageArray, box: int, overlap: float) -> Iterator[ImageArray]:
    for column in _starts(rows.shape[1], box, overlap):
        yield rows[:, column : column + box]


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
