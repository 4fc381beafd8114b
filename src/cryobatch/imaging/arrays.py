"""Names for the array types of this room."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
"""Real numbers that are few: shifts, coordinates, coefficients."""

ImageArray: TypeAlias = NDArray[np.float32]
"""Real numbers a pixel each: ``(rows, columns)``."""

SpectrumArray: TypeAlias = NDArray[np.complex64]
"""Half a Fourier transform, as ``scipy.fft.rfft2`` lays it out: ``(rows, columns // 2 + 1)``."""

CountArray: TypeAlias = NDArray[np.uint8]
"""Counts as an electron counting camera writes them."""
