"""Propose how a gain reference that lies crosswise must be turned, by the counts of the movie."""

from pathlib import Path

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.gain import is_divisive, read_gain
from cryobatch.formats.movie import Movie
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import invert_reference, orient_reference, replicate_reference
from cryobatch.imaging.gain_orientation import (
    GainVerdict,
    Orientation,
    turn_further,
    weigh_gain,
)

MOST_FRAMES = 16
"""So many show the pattern well enough, and a movie that fails should not take long."""


def propose_orientation(movie: Movie, gain: Path, configured: Orientation) -> str:
    """Return words that name the orientation which fits; empty when it is not the matter.

    Args:
        movie: Open.
        gain: A gain reference whose size does not fit as it is turned now.
        configured: How it is turned now.
    """
    crosswise = turn_further(configured, Orientation(1, 0))
    try:
        reference = _load(movie, gain, crosswise)
    except (BadInput, ValueError):
        return ""
    evidence = weigh_gain(_sum(movie), reference, corrected=False)
    if evidence is None or evidence.verdict not in {GainVerdict.FITS, GainVerdict.TURNED}:
        return ""
    best = turn_further(crosswise, evidence.best)
    return f"by the movie's counts gain_rotation={best.rotation} gain_flip={best.flip} fits"


def _load(movie: Movie, gain: Path, turn: Orientation) -> ImageArray:
    """Return a reference, multiplicative and turned, in the frames' size.

    Raises:
        BadInput: It cannot be read.
        ValueError: It does not fit so either.
    """
    reference = orient_reference(read_gain(gain), turn.rotation, turn.flip)
    if is_divisive(gain, movie.path):
        reference = invert_reference(reference)
    shape = (movie.shape[1], movie.shape[2])
    return replicate_reference(reference, shape).astype(np.float32, copy=False)


def _sum(movie: Movie) -> ImageArray:
    summed = np.zeros(movie.shape[1:], np.float32)
    for number in range(min(movie.shape[0], MOST_FRAMES)):
        summed += movie.frame(number)
    return summed
