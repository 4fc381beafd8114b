"""A micrograph as the picker shrinks it."""

import numpy as np
import pytest

from cryobatch.imaging.picking_field import make_ready, seen, working_field

NOISE = np.random.default_rng(5).standard_normal((300, 420)).astype(np.float32)


@pytest.mark.parametrize("shrink", [1.5, 2.0, 3.3])
def test_what_is_finer_than_wanted_need_not_be_transformed(shrink: float) -> None:
    """A micrograph made ready for a shrink of 1.5 or more gives the same small images."""
    whole = working_field(make_ready(NOISE), shrink)
    part = working_field(make_ready(NOISE, 1.5), shrink)
    np.testing.assert_allclose(part.image, whole.image, atol=1e-5)
    assert part.scale == whole.scale


@pytest.mark.parametrize("shrink", [1.0, 2.0])
def test_the_middle_alone_is_the_middle_of_the_whole(shrink: float) -> None:
    """Of an image and of what is missing in it, but for the units, which its own pixels give."""
    image = NOISE.copy()
    image[140:150, 200:230] = np.nan
    ready = make_ready(image)
    whole, part = working_field(ready, shrink), working_field(ready, shrink, largest_side=60)
    rows, columns = ((length - 60) // 2 for length in whole.image.shape)
    window = slice(rows, rows + 60), slice(columns, columns + 60)
    assert part.image.shape == (60, 60)
    np.testing.assert_array_equal(part.missing, whole.missing[window])
    alike = np.corrcoef(part.image.ravel(), whole.image[window].ravel())[0, 1]
    assert alike == pytest.approx(1.0, abs=1e-6)


def test_an_image_that_is_narrower_than_the_middle_is_kept_whole() -> None:
    """A side shorter than what is asked for stays as it is."""
    assert working_field(make_ready(NOISE), 2.0, largest_side=180).image.shape == (150, 180)


def test_two_numbers_that_differ_are_something_to_see() -> None:
    """Neither empty images nor one number among what is none are."""
    image = np.full((4, 5), np.nan, np.float32)
    assert not seen(image)
    assert not seen(np.empty((0, 0), np.float32))
    image[0, 0] = 1.0
    image[0, 1] = np.inf
    assert not seen(image)
    image[2, 2] = 2.0
    assert seen(image)
