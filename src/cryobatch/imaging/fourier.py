"""Fourier transforms of images: sizes, frequencies, cropping, shifting.

A spectrum is ``scipy.fft.rfft2`` of an image: ``(rows, columns // 2 + 1)`` complex64, not
normalised, zero frequency at [0, 0].
"""

import numpy as np
import scipy.fft

from cryobatch.imaging.arrays import ImageArray, SpectrumArray


def forward(image: ImageArray, threads: int = 1) -> SpectrumArray:
    """Transform ``(rows, columns)`` float32 into its spectrum."""
    spectrum: SpectrumArray = scipy.fft.rfft2(image, workers=threads)
    return spectrum


def inverse(spectrum: SpectrumArray, shape: tuple[int, int], threads: int = 1) -> ImageArray:
    """Transform a spectrum back into ``shape`` = (rows, columns) float32; overwrites it."""
    image: ImageArray = scipy.fft.irfft2(spectrum, s=shape, workers=threads, overwrite_x=True)
    return image


def good_size(length: int) -> int:
    """Return the next even length from ``length`` on whose transform is fast."""
    size = length
    while True:
        size = int(scipy.fft.next_fast_len(size, real=True))
        if size % 2 == 0:
            return size
        size += 1


def frequencies(
    shape: tuple[int, int], pixel_size: float = 1.0
) -> tuple[ImageArray, ImageArray]:
    """Return the frequencies of a spectrum, along y ``(rows, 1)`` and x ``(1, columns // 2 + 1)``.

    Args:
        shape: ``(rows, columns)`` of the image.
        pixel_size: Å a pixel gives 1/Å, 1 gives cycles a pixel.
    """
    y = np.fft.fftfreq(shape[0], pixel_size).astype(np.float32)[:, None]
    x = np.fft.rfftfreq(shape[1], pixel_size).astype(np.float32)[None, :]
    return y, x
