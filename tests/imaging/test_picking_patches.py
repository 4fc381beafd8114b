"""What patches tell of the surroundings of places."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging.picking_patches import contrast, on_drops

DIAMETER = 20.0
PLACES = np.array([(x, y) for y in range(40, 280, 60) for x in range(40, 380, 60)], np.int64)


def micrograph(
    radii: NDArray[np.float64], places: NDArray[np.int64] = PLACES, seed: int = 0
) -> NDArray[np.float32]:
    """Return noise with a disk of a radius at each place."""
    image = np.random.default_rng(seed).normal(0.0, 0.3, (300, 400))
    y, x = np.mgrid[:300, :400]
    for (column, row), radius in zip(places, radii, strict=True):
        image += np.hypot(x - column, y - row) < radius
    return image.astype(np.float32)


@pytest.mark.parametrize("wide", [1.4, 1.8, 3.0])
def test_what_is_wider_than_the_others_is_told(wide: float) -> None:
    """And nothing else."""
    radii = np.full(len(PLACES), 0.5 * DIAMETER)
    radii[7] *= wide
    found = on_drops(micrograph(radii), PLACES, DIAMETER)
    assert np.flatnonzero(found).tolist() == [7]


def test_a_place_on_the_rim_of_a_drop_is_told_with_it() -> None:
    """It is a particle perhaps, but half of what it shows is the drop's."""
    places = np.append(PLACES, PLACES[7:8] + np.array([13, 0]), axis=0)
    radii = np.full(len(places), 0.5 * DIAMETER)
    radii[7] *= 1.6
    found = on_drops(micrograph(radii, places), places, DIAMETER)
    assert {7, len(PLACES)} == set(np.flatnonzero(found).tolist())


def test_neighbours_and_strength_make_no_drop() -> None:
    """Particles that touch each other, weak and strong ones, one at the border."""
    places = np.concatenate([PLACES, PLACES[:6] + np.array([20, 0]), [[2, 150]]])
    strength = np.random.default_rng(1).uniform(0.5, 1.5, len(places))
    image = micrograph(np.zeros(len(places)), places)
    for place, factor in zip(places, strength, strict=True):
        image += factor * (
            micrograph(np.array([0.5 * DIAMETER]), place[None])
            - micrograph(np.zeros(1), place[None])
        )
    assert not on_drops(image, places, DIAMETER).any()


def test_too_few_places_or_pixels_tell_nothing() -> None:
    """None is called a drop then, nor is anything where all are alike."""
    radii = np.full(len(PLACES), 0.5 * DIAMETER)
    radii[2] *= 1.8
    image = micrograph(radii)
    assert not on_drops(image, PLACES[:7], DIAMETER).any()
    assert not on_drops(image, PLACES, 5.0).any()
    assert not on_drops(image, PLACES[:0], DIAMETER).any()
    assert not on_drops(np.zeros((300, 400), np.float32), PLACES, DIAMETER).any()


def test_contrast_is_that_of_the_inside_against_the_surroundings() -> None:
    """Disks one brighter than what is around them; without places there is none."""
    image = micrograph(np.full(len(PLACES), 0.5 * DIAMETER))
    assert contrast(image, PLACES, DIAMETER) == pytest.approx(1.0, abs=0.05)
    assert contrast(image, PLACES[:0], DIAMETER) == 0.0
