"""Templates, scores and maxima of the picker."""

import numpy as np
import pytest

from cryobatch.imaging.picking_size import template_diameter
from cryobatch.imaging.picking_template import (
    blob_response,
    correlate,
    disk_field,
    local_maxima,
    refine,
    round_template,
    teach,
)

DISTANCE = np.hypot(*np.mgrid[-20:21, -20:21])
NEAR = np.hypot(*np.mgrid[-8:9, -8:9])


def test_a_score_is_the_correlation_coefficient_under_the_disk() -> None:
    """Against numpy's own, at places inside and at the mirrored border."""
    image = np.random.default_rng(0).standard_normal((70, 90)).astype(np.float32)
    template = round_template(np.exp(-(NEAR**2) / 50.0), 8.0)
    half = template.kernel.shape[0] // 2
    padded = np.pad(image, half, mode="symmetric")
    disk = template.disk > 0
    scored = correlate(disk_field(image, 8.0), template)
    for x, y in ((45, 30), (0, 0), (89, 69), (3, 60)):
        patch = padded[y : y + 2 * half + 1, x : x + 2 * half + 1]
        expected = np.corrcoef(patch[disk], template.kernel[disk])[0, 1]
        assert scored.score[y, x] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("radius", [5.0, 7.9])
def test_the_energy_under_a_disk_is_its_squared_deviations(radius: float) -> None:
    """Against numpy's own variance, over disks of whole and of broken radius, and where it is 0."""
    image = np.random.default_rng(4).standard_normal((60, 80)).astype(np.float32)
    image[30:, 40:] = 2.0
    half = int(np.ceil(radius))
    disk = np.hypot(*np.mgrid[-half : half + 1, -half : half + 1]) <= radius
    padded = np.pad(image, half, mode="symmetric").astype(np.float64)
    energy = disk_field(image, radius).energy
    for x, y in ((45, 10), (0, 0), (79, 59), (3, 50), (40, 30)):
        under = padded[y : y + 2 * half + 1, x : x + 2 * half + 1][disk]
        assert energy[y, x] == pytest.approx(under.var() * under.size, rel=1e-4, abs=1e-2)


def test_scores_do_not_depend_on_brightness_and_contrast() -> None:
    """A thicker ice changes mean and contrast, not what looks like a particle."""
    image = np.random.default_rng(0).standard_normal((50, 60)).astype(np.float32)
    template = round_template(np.exp(-(NEAR**2) / 50.0), 8.0)
    changed = correlate(disk_field(image * 5 + 30, 8.0), template).score
    plain = correlate(disk_field(image, 8.0), template).score
    np.testing.assert_allclose(changed, plain, atol=1e-3)


def test_a_template_is_learned_from_patches() -> None:
    """Rings in noise teach a ring, whatever their strength, and gold does not take over."""
    random = np.random.default_rng(1)
    image = random.standard_normal((400, 400)).astype(np.float32)
    ring = np.exp(-((DISTANCE - 9.0) ** 2) / 8.0)
    points = np.array([[x, y] for x in range(30, 380, 45) for y in range(30, 380, 45)])
    for x, y in points:
        image[y - 20 : y + 21, x - 20 : x + 21] += ring
    image[30 - 5 : 30 + 6, 30 - 5 : 30 + 6] += 500.0
    template = teach(image, points, 14.0)
    assert template is not None
    assert 8.0 <= int(np.argmax(template.profile)) / 2 <= 10.0
    assert float(template.kernel.sum()) == pytest.approx(0.0, abs=1e-3)
    assert float(np.sum(template.kernel**2)) == pytest.approx(1.0, rel=1e-3)


def test_nothing_is_learned_where_no_patch_is_inside() -> None:
    """Places at the border alone teach nothing."""
    assert teach(np.ones((30, 30), np.float32), np.array([[2, 2]]), 10.0) is None


@pytest.mark.parametrize("diameter", [10.0, 16.0])
def test_a_blob_answers_most_at_its_own_diameter(diameter: float) -> None:
    """Half or twice the diameter answer less."""
    disk = (diameter / 2 > DISTANCE).astype(np.float32)
    own, half, twice = (blob_response(disk, diameter * by)[20, 20] for by in (1.0, 0.5, 2.0))
    assert own > half
    assert own > twice


def test_the_diameter_of_a_template_is_its_outer_one() -> None:
    """Solid or hollow, whatever diameter was searched for."""
    for inner in (0.0, 6.0):
        shell = ((DISTANCE < 11.0) & (inner <= DISTANCE)).astype(float)
        assert template_diameter(round_template(shell, 16.0), 24.0) == pytest.approx(22.0, abs=2.0)


def test_maxima_keep_their_distance_and_the_best_come_first() -> None:
    """Against a plain search over all pairs."""
    score = np.random.default_rng(3).standard_normal((80, 100)).astype(np.float32)
    points = local_maxima(score, 7.0)
    values = score[points[:, 1], points[:, 0]]
    assert np.all(np.diff(values) <= 0)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(len(points))
    assert distance.min() >= 7.0
    assert values[0] == score[1:-1, 1:-1].max()
    rest = np.stack(np.meshgrid(np.arange(1, 99), np.arange(1, 79)), axis=-1).reshape(-1, 2)
    higher = score[rest[:, 1], rest[:, 0]] > values[-1]
    near = np.linalg.norm(rest[higher][:, None] - points[None], axis=2).min(axis=1)
    assert near.max() < 10.0


def test_excluded_maxima_keep_others_away_but_are_not_returned() -> None:
    """As many of the best as are asked for, none of them excluded."""
    score = np.random.default_rng(3).standard_normal((80, 100)).astype(np.float32)
    excluded = np.zeros(score.shape, dtype=bool)
    excluded[20:50, 30:70] = True
    every = local_maxima(score, 7.0)
    allowed = every[~excluded[every[:, 1], every[:, 0]]]
    np.testing.assert_array_equal(local_maxima(score, 7.0, excluded), allowed)
    np.testing.assert_array_equal(local_maxima(score, 7.0, excluded, 9), allowed[:9])


def test_a_ridge_has_no_maxima() -> None:
    """Whichever of its pixels rounding makes the highest; a bump on it is one."""
    score = np.tile(np.cos(np.arange(60) / 6.0).astype(np.float32)[:, None], 80)
    score += 1e-6 * np.random.default_rng(6).standard_normal(score.shape).astype(np.float32)
    assert len(local_maxima(score, 7.0)) == 0
    y, x = np.mgrid[:60, :80]
    score += 0.1 * np.exp(-((x - 40) ** 2 + (y - 38) ** 2) / 40.0).astype(np.float32)
    np.testing.assert_array_equal(local_maxima(score, 7.0), [[40, 38]])


def test_a_maximum_between_pixels_is_found_there() -> None:
    """A parabola through the neighbours gives the top to a tenth of a pixel."""
    y, x = np.mgrid[:30, :30]
    score = np.exp(-((x - 12.3) ** 2 + (y - 17.6) ** 2) / 40.0).astype(np.float32)
    top = refine(score, local_maxima(score, 5.0)[:1])
    np.testing.assert_allclose(top, [[12.3, 17.6]], atol=0.1)
