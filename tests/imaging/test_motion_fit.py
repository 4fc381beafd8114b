"""How much is believed of what patches say of their motion."""

import numpy as np
import pytest

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_fit import scatter

CURVATURE = 4.0


def make_slopes(patches: int, frames: int, variance: float) -> FloatArray:
    """Return slopes of a variance, of patches whose curvature is 4 along both axes."""
    slopes = np.zeros((patches, frames, 7))
    slopes[..., :2] = np.random.default_rng(7).normal(0.0, variance**0.5, (patches, frames, 2))
    slopes[..., [2, 4]] = CURVATURE
    return slopes


@pytest.mark.parametrize("factor", [1.5, 3.0])
def test_slopes_that_vary_more_than_their_curvature_are_believed_less(factor: float) -> None:
    """The factor is found, the freedom that the fit has taken counted."""
    patches, frames = 25, 32
    free = 1.0 - (2 * frames + 40) / (patches * 2 * frames)
    slopes = make_slopes(patches, frames, free * factor * CURVATURE)
    assert scatter(slopes, np.ones(frames)) == pytest.approx(factor, rel=0.15)


def test_slopes_that_vary_less_are_believed_as_they_are() -> None:
    """Nothing is ever made more certain than it claims; few patches say nothing of it."""
    assert scatter(make_slopes(25, 32, 0.4 * CURVATURE), np.ones(32)) == 1.0
    assert scatter(make_slopes(1, 32, 9.0 * CURVATURE), np.ones(32)) == 1.0
    assert scatter(make_slopes(2, 3, 9.0 * CURVATURE), np.ones(3)) == 1.0


def test_empty_frames_have_no_say() -> None:
    """Slopes of a frame without content are 0 and are not counted."""
    slopes = make_slopes(25, 32, 2.0 * CURVATURE)
    present = np.ones(32)
    expected = scatter(slopes, present)
    present[3:15] = 0.0
    slopes[:, 3:15] = 0.0
    assert scatter(slopes, present) == pytest.approx(expected, rel=0.15)
