"""Places in which no particle is sought."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cryobatch.imaging.exclusion import (
    area_darkness,
    areas,
    darkness,
    grow,
    lumps,
    resampled,
    spots,
)

NOTHING = np.zeros((300, 400), dtype=bool)


def noise(seed: int = 0) -> NDArray[np.float32]:
    """Return white noise of deviation 1."""
    return np.random.default_rng(seed).standard_normal((300, 400)).astype(np.float32)


def test_a_dark_spot_is_found_with_its_margin() -> None:
    """And nothing else."""
    image = noise()
    y, x = np.mgrid[:300, :400]
    distance = np.hypot(x - 200, y - 100)
    image[distance < 15] += 20.0
    mask = spots(darkness(image, 24.0), 24.0, 10.0)
    assert mask[distance < 20].all()
    assert not mask[distance > 40].any()


@pytest.mark.parametrize("seed", range(3))
def test_an_even_micrograph_has_no_areas(seed: int) -> None:
    """Noise, and a gradient of thickness, are one area."""
    image = noise(seed)
    assert not areas(image, NOTHING, 24.0).any()
    slope = image + np.linspace(-3, 3, 400, dtype=np.float32)
    assert not areas(slope, NOTHING, 24.0).any()


def disks(image: NDArray[np.float32], radius: float, spacing: int) -> NDArray[np.float32]:
    """Darken disks in a hexagonal pattern."""
    y, x = np.mgrid[:300, :400]
    for line, centre_y in enumerate(np.arange(40, 270, spacing * 0.87)):
        for centre_x in range(40 + line % 2 * spacing // 2, 370, spacing):
            image[np.hypot(x - centre_x, y - centre_y) < radius] += 3.0
    return image


def test_a_lump_larger_than_a_particle_is_found_with_its_margin() -> None:
    """A drop three particles wide, and nothing but it."""
    image = noise()
    y, x = np.mgrid[:300, :400]
    distance = np.hypot(x - 250, y - 120)
    image[distance < 36] += 3.0
    mask = lumps(image, NOTHING, 24.0)
    assert mask[distance < 40].all()
    assert not mask[distance > 60].any()


@pytest.mark.parametrize("spacing", [25, 30, 60])
def test_particles_are_no_lumps_however_crowded(spacing: int) -> None:
    """Disks of a particle's size that touch each other, and such that do not."""
    assert not lumps(disks(noise(), 12.0, spacing), NOTHING, 24.0).any()


def test_noise_and_what_is_missing_are_no_lumps() -> None:
    """However dark the part without numbers is filled."""
    missing = NOTHING.copy()
    missing[50:150, 100:250] = True
    image = noise()
    image[missing] = 9.0
    assert not lumps(image, missing, 24.0).any()


def test_a_film_is_an_area_far_darker_than_its_surroundings() -> None:
    """A third of the micrograph that is darker is found, and how much darker it is."""
    image = noise()
    image[:, :130] += 1.5
    mask = areas(image, NOTHING, 24.0)
    assert mask[:, :110].mean() > 0.95
    assert not mask[:, 190:].any()
    assert area_darkness(image, NOTHING, mask) == pytest.approx(1.5, abs=0.2)


def test_a_single_dark_particle_is_no_area() -> None:
    """An area is larger than two particles."""
    image = noise()
    y, x = np.mgrid[:300, :400]
    image[np.hypot(x - 200, y - 100) < 12] += 5.0
    assert not areas(image, NOTHING, 24.0).any()


def test_what_is_missing_does_not_make_the_rest_an_area() -> None:
    """However bright the part without numbers is filled, the other is not dark for that."""
    image = noise()
    missing = NOTHING.copy()
    missing[:, :200] = True
    image[missing] = -3.0
    assert not areas(image, missing, 24.0).any()


def test_growing_nothing_is_nothing() -> None:
    """An empty mask stays empty."""
    assert not grow(NOTHING, 10.0).any()


@pytest.mark.parametrize("share", [0.0005, 0.1, 0.9])
@pytest.mark.parametrize("margin", [0.4, 1.0, 7.3])
def test_growing_reaches_all_within_the_margin(share: float, margin: float) -> None:
    """No pixel more or less than by the distance to the nearest one that was masked."""
    mask = np.random.default_rng(2).random((90, 130)) < share
    np.testing.assert_array_equal(grow(mask, margin), distance_transform_edt(~mask) <= margin)


@pytest.mark.parametrize("diameter", [9.0, 11.9, 12.0, 24.0])
def test_lumps_are_the_same_at_every_fineness(diameter: float) -> None:
    """A drop twice as wide as a particle is left out, however many pixels a particle has."""
    side = round(25.0 * diameter)
    y, x = np.ogrid[:side, :side]
    distance = np.hypot(x - side / 3.0, y - side / 2.0)
    noise = np.random.default_rng(4).standard_normal((side, side))
    image = (noise + 2.0 * (distance < diameter)).astype(np.float32)
    found = lumps(image, np.zeros(image.shape, dtype=bool), diameter)
    assert found[distance < 0.9 * diameter].all()
    assert not found[distance > 2.0 * diameter].any()


def test_a_mask_is_the_same_in_a_finer_image() -> None:
    """Each pixel takes what its nearest one has; back in the coarse image nothing has changed."""
    mask = np.random.default_rng(5).random((40, 53)) > 0.7
    finer = resampled(mask, (80, 106))
    np.testing.assert_array_equal(resampled(finer, mask.shape), mask)
    assert finer.mean() == pytest.approx(mask.mean(), abs=0.02)
