"""Fourier transforms of images: sizes, frequencies, cropping.

A spectrum is ``scipy.fft.rfft2`` of an image: ``(rows, columns // 2 + 1)`` complex64, not
normalised, zero frequency at [0, 0].
"""

import numpy as np

from cryobatch.imaging import fft
from cryobatch.imaging.arrays import ImageArray, SpectrumArray


def forward(image: ImageArray, threads: int = 1) -> SpectrumArray:
    """Transform ``(rows, columns)`` float32 into its spectrum."""
    spectrum: SpectrumArray = fft.rfft2(image, workers=threads)
    return spectrum


def inverse(spectrum: SpectrumArray, shape: tuple[int, int], threads: int = 1) -> ImageArray:
    """Transform a spectrum back into ``shape`` = (rows, columns) float32; overwrites it."""
    # In place but for the result: irfft2 makes a copy of the spectrum.
    columns = fft.ifft(spectrum, axis=0, workers=threads, overwrite_x=True)
    image: ImageArray = fft.irfft(columns, n=shape[1], axis=1, workers=threads)
    return image


def good_size(length: int, *, near: bool = False) -> int:
    """Return the next even length from ``length`` on whose transform is fast.

    Args:
        length: Pixels that are needed.
        near: Take one of factors up to 11, too, a little slower: the next of factors to 5 may be
            much larger.
    """
    size = length
    while True:
        size = int(fft.next_fast_len(size, real=not near))
        if size % 2 == 0:
            return size
        size += 1


def frequencies(
    shape: tuple[int, int], pixel_size: float | tuple[float, float] = 1.0
) -> tuple[ImageArray, ImageArray]:
    """Return the frequencies of a spectrum, along y ``(rows, 1)`` and x ``(1, columns // 2 + 1)``.

    Args:
        shape: ``(rows, columns)`` of the image.
        pixel_size: Å a pixel (y and x, where they differ) gives 1/Å, 1 gives cycles a pixel.
    """
    along_y, along_x = pixel_size if isinstance(pixel_size, tuple) else (pixel_size, pixel_size)
    y = np.fft.fftfreq(shape[0], along_y).astype(np.float32)[:, None]
    x = np.fft.rfftfreq(shape[1], along_x).astype(np.float32)[None, :]
    return y, x


def forward_cropped(image: ImageArray, smaller: tuple[int, int], threads: int = 1) -> SpectrumArray:
    """Transform ``(rows, columns)`` float32 into the spectrum of the same image in fewer pixels.

    What is dropped is not transformed. Values are scaled so that the image keeps its grey values;
    what is exactly at the new Nyquist frequency is dropped, for it cannot be told from its mirror
    image.

    Args:
        image: ``(rows, columns)`` float32.
        smaller: ``(rows, columns)`` wanted, neither larger than the image's.
        threads: Threads to use.
    """
    lines: SpectrumArray = fft.rfft(image, axis=1, workers=threads)
    kept = lines[:, : _kept(image.shape[1], smaller[1])]
    full: SpectrumArray = fft.fft(kept, axis=0, workers=threads, overwrite_x=True)
    return _cropped(full, (image.shape[0], image.shape[1]), smaller)


def crop_spectra(
    spectra: SpectrumArray, shape: tuple[int, int], smaller: tuple[int, int]
) -> SpectrumArray:
    """Keep the low frequencies of spectra, as ``forward_cropped`` does of an image.

    Args:
        spectra: ``(..., rows, columns // 2 + 1)`` complex64.
        shape: ``(rows, columns)`` of the image.
        smaller: ``(rows, columns)`` wanted, neither larger than ``shape``.
    """
    return _cropped(spectra[..., : _kept(shape[1], smaller[1])], shape, smaller)


def _kept(length: int, smaller: int) -> int:
    """Return how many frequencies from 0 on stay, of those that ``smaller`` pixels could have."""
    return smaller // 2 + 1 if smaller == length else (smaller + 1) // 2


def _cropped(
    columns: SpectrumArray, shape: tuple[int, int], smaller: tuple[int, int]
) -> SpectrumArray:
    """Return the low frequencies along y of spectra cut along x already, scaled."""
    rows, width = smaller[0], columns.shape[-1]
    factor = np.float32(rows * smaller[1] / (shape[0] * shape[1]))
    cropped = np.zeros((*columns.shape[:-2], rows, smaller[1] // 2 + 1), np.complex64)
    top, bottom = (rows, 0) if rows == shape[0] else ((rows + 1) // 2, (rows - 1) // 2)
    for part in (slice(top), slice(-bottom, None) if bottom else slice(0)):
        np.multiply(columns[..., part, :], factor, out=cropped[..., part, :width])
    return cropped


def cropped_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return the even ``(rows, columns)`` nearest to ``shape / factor``; ``shape`` for factor 1."""
    if factor <= 1.0:
        return shape
    rows, columns = (max(2, 2 * round(0.5 * length / factor)) for length in shape)
    return min(rows, shape[0]), min(columns, shape[1])


def crop_image(image: ImageArray, smaller: tuple[int, int], threads: int = 1) -> ImageArray:
    """Show ``(rows, columns)`` float32 in fewer pixels, without aliasing; grey values stay."""
    shape = (image.shape[0], image.shape[1])
    if smaller == shape:
        return image
    return inverse(forward_cropped(image, smaller, threads), smaller, threads)
