"""Whether both halves of a spectrum tell the same rings.

What drift leaves of the rings, or a chance, can be explained by many a defocus, and the best of
them is not the right one. Then one half of the directions has another best one than the other
half, though it finds the same where there are rings. Each half is searched as if it were all that
there is; directions of 15° go to one and to the other in turn.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.ctf_candidate import SearchRange
from cryobatch.imaging.ctf_coarse import sectors_of
from cryobatch.imaging.ctf_formula import Defocus
from cryobatch.imaging.ctf_pixels import RingPixels
from cryobatch.imaging.ctf_search import search

SECTORS = 12


def disagreement_turns(pixels: RingPixels, limits: SearchRange) -> float:
    """Return how far the rings of one half's best defocus lie from those of the other's.

    Returns:
        Root mean square over all pixels, in turns: 1 is the distance of two rings.
    """
    first = sectors_of(pixels, SECTORS) % 2 == 0
    one, other = (search(_part(pixels, half), limits).defocus for half in (first, ~first))
    apart = _turns(pixels, one) - _turns(pixels, other)
    apart -= round(one.phase_shift_turns - other.phase_shift_turns)
    return math.sqrt(float(np.mean(apart * apart)))


def _part(pixels: RingPixels, kept: NDArray[np.bool_]) -> RingPixels:
    """Return some of the pixels, freed of the background once more: its shapes are new there."""
    shapes = np.linalg.qr(pixels.background[:, kept].T)[0].T
    data = pixels.data[kept].astype(np.float64)
    data -= shapes.T @ (shapes @ data)
    length = max(math.sqrt(float(data @ data)), 1e-12)
    return replace(
        pixels,
        frequency=pixels.frequency[kept],
        direction=pixels.direction[kept],
        ring=pixels.ring[kept],
        geometry=np.ascontiguousarray(pixels.geometry[:, kept]),
        data=(data / length).astype(np.float32),
        background=np.ascontiguousarray(shapes, dtype=np.float32),
    )


def _turns(pixels: RingPixels, defocus: Defocus) -> FloatArray:
    cosine, sine, per_angstrom = pixels.geometry[:3].astype(np.float64)
    local = defocus.mean_angstrom + defocus.cosine_angstrom * cosine + defocus.sine_angstrom * sine
    turns: FloatArray = per_angstrom * local + defocus.phase_shift_turns
    return turns
