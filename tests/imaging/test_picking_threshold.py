"""The threshold that is found without knowing the truth."""

import math

import numpy as np
import pytest

from cryobatch.imaging.picking_threshold import (
    chance_limit,
    find_threshold,
    phase_twin,
    repeated,
)
from cryobatch.imaging.smoothing import gaussian

CHANCE = np.random.default_rng(0).normal(0.15, 0.05, 300)


@pytest.mark.parametrize("count", [10, 40, 150, 400])
def test_two_populations_are_parted_between_them(count: int) -> None:
    """Whether particles are few or most of the maxima, the threshold lies in the gap."""
    random = np.random.default_rng(count)
    scores = np.concatenate([random.normal(0.15, 0.05, 200), random.normal(0.5, 0.06, count)])
    assert 0.24 < find_threshold(scores, CHANCE).score < 0.42


def test_ten_thousand_scores_are_parted_where_each_of_them_is_seen() -> None:
    """They are counted in bins; Bayes' rule of the true populations gives the same threshold."""
    random = np.random.default_rng(8)
    scores = np.concatenate([random.normal(0.15, 0.05, 20_000), random.normal(0.5, 0.06, 2_000)])
    line = np.linspace(0.2, 0.5, 3001)
    low = 10.0 / 0.05 * np.exp(-0.5 * ((line - 0.15) / 0.05) ** 2)
    high = 1.0 / 0.06 * np.exp(-0.5 * ((line - 0.5) / 0.06) ** 2)
    expected = line[np.argmax(high / (low + high) >= 0.35)]
    assert find_threshold(scores, CHANCE).score == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("seed", range(20))
def test_scores_of_chance_have_no_threshold(seed: int) -> None:
    """Where the micrograph scores like its twin, nothing is a particle."""
    scores = np.random.default_rng(100 + seed).normal(0.15, 0.05, 300)
    assert find_threshold(scores, CHANCE).score == math.inf


def test_one_particle_is_found_against_chance() -> None:
    """A single high score is no population, but more than chance gives."""
    scores = np.append(np.random.default_rng(4).normal(0.15, 0.05, 300), 0.7)
    assert 0.3 < find_threshold(scores, CHANCE).score < 0.7


def test_more_maxima_ask_for_more_than_chance() -> None:
    """The limit grows with the number of maxima that could pass it by chance."""
    assert chance_limit(CHANCE, 10) < chance_limit(CHANCE, 1000) < chance_limit(CHANCE, 100_000)


def test_no_maximum_is_no_error() -> None:
    """Without scores there is no particle."""
    assert find_threshold(np.empty(0), CHANCE).score == math.inf


def test_the_twin_keeps_the_power_and_nothing_else() -> None:
    """Same power spectrum, no correlation with the image, the same twin for the same seed."""
    image = np.random.default_rng(1).standard_normal((60, 81)).astype(np.float32)
    image += 3.0 * np.sin(np.arange(81) / 5.0).astype(np.float32)
    twin = phase_twin(image, 7)
    power = np.abs(np.fft.rfft2(image))[1:29, 1:39]
    np.testing.assert_allclose(np.abs(np.fft.rfft2(twin))[1:29, 1:39], power, rtol=1e-2)
    assert abs(np.corrcoef(image.ravel(), twin.ravel())[0, 1]) < 0.5
    np.testing.assert_array_equal(twin, phase_twin(image, 7))


def test_the_twin_of_a_large_image_is_small_and_alike() -> None:
    """Strength and grain of the whole image, in a part of its size that does not grow with it."""
    noise = np.random.default_rng(2).standard_normal((700, 900)).astype(np.float32)
    image = gaussian(noise, 2.0)
    twin = phase_twin(image, 7, diameter_px=10.0)
    assert twin.shape == (288, 288)
    assert twin.std() == pytest.approx(image.std(), rel=0.05)
    assert gaussian(twin, 2.0).std() == pytest.approx(gaussian(image, 2.0).std(), rel=0.1)


def test_a_twin_is_repeated_without_a_seam() -> None:
    """What crosses from one copy into the next differs no more than neighbours within."""
    image = gaussian(np.random.default_rng(3).standard_normal((90, 110)).astype(np.float32), 3.0)
    twin = phase_twin(image, 7)
    filled = repeated(twin, (200, 130))
    assert filled.shape == (200, 130)
    np.testing.assert_array_equal(filled[90:180, :110], twin)
    steps = np.abs(np.diff(filled, axis=0)).mean(axis=1)
    assert steps[89] < 1.5 * np.delete(steps, 89).max()
