"""Early motion is what a polynomial of time leaves, and no more."""

import numpy as np
import pytest

from cryobatch.imaging.motion_time import TIME_TERMS, early_term, unit_time_terms


@pytest.mark.parametrize("frames", [8, 32, 400])
def test_the_polynomial_beside_it_is_the_best_one(frames: int) -> None:
    """Early motion, its mean aside, has nothing in it that the polynomial would follow."""
    early = early_term(frames)
    powers = unit_time_terms(frames)[:, :-1]
    assert (early - early.mean()) @ (powers - powers.mean(axis=0)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("frames", [8, 32, 400])
def test_early_motion_is_early(frames: int) -> None:
    """It starts at rest and has gone furthest, by 1, within the first eighth of the movie."""
    early = early_term(frames)
    assert early[0] == 0.0
    assert early.max() == pytest.approx(1.0)
    assert int(np.argmax(early)) <= frames // 8


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_short_movies_have_none(frames: int) -> None:
    """Movies of fewer frames than it takes to tell it from a polynomial have none."""
    assert unit_time_terms(frames).shape == (frames, TIME_TERMS)
    assert not early_term(frames).any()
