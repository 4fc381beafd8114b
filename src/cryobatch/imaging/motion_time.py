"""Functions of time that local motion is made of.

A third-order polynomial, as in RELION's files, and one function more: film that was frozen under
stress bends within the first few e/Å² (Brilot et al., J. Struct. Biol. 177:630 (2012); Zheng et
al., Nature Methods 14:331 (2017)), faster than a polynomial over the whole movie can follow.
"""

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import TEMPORAL_TERMS

TIME_TERMS = TEMPORAL_TERMS + 1
_FADING = np.geomspace(0.016, 0.1, 8)
"""Of the movie: half an e/Å² to 4, where a movie has 30 to 40."""
_LEAST_FRAMES = 8


def unit_time_terms(frames: int) -> FloatArray:
    """Return ``(frames, 4)``: t, t², t³ with t from 0 to 1, and ``early_term``."""
    return np.concatenate([_powers(frames), early_term(frames)[:, None]], axis=-1)


def early_term(frames: int) -> FloatArray:
    """Return ``(frames,)`` float64: a motion that fades soon, less what a polynomial follows.

    At rest in the first frame, and 1 from there to where it is furthest. What is taken off is the
    best fit of the polynomial, with a constant that nobody can see, so that the polynomial beside
    it is the best one for who knows no more. Zeros where a movie is too short for both.
    """
    if frames < _LEAST_FRAMES:
        return np.zeros(frames)
    time = np.arange(frames) / (frames - 1)
    fading = 1.0 - np.exp(-time[:, None] / _FADING).mean(axis=-1)
    known = np.concatenate([np.ones((frames, 1)), _powers(frames)], axis=-1)
    left = fading - known @ (np.linalg.pinv(known) @ fading)
    left -= left[0]
    return np.asarray(left / left.max(), dtype=np.float64)


def _powers(frames: int) -> FloatArray:
    time = np.arange(frames) / max(frames - 1, 1)
    return np.stack([time**power for power in range(1, TEMPORAL_TERMS + 1)], axis=-1)
