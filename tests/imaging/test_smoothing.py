"""Gaussians by cosines, against sums over neighbours."""

import numpy as np
import pytest
from scipy import ndimage

from cryobatch.imaging.smoothing import gaussian, negative_laplacian


@pytest.mark.parametrize("sigma", [1.5, 3.0, 24.0])
@pytest.mark.parametrize("shape", [(64, 91), (1, 40), (200, 130)])
def test_smoothing_is_that_of_a_sum_over_neighbours(shape: tuple[int, int], sigma: float) -> None:
    """Borders included, also where the Gaussian is wider than the image."""
    image = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected = ndimage.gaussian_filter(image.astype(np.float64), sigma, truncate=8.0)
    smooth = gaussian(image, sigma)
    assert smooth.dtype == np.float32
    np.testing.assert_allclose(smooth, expected, atol=2e-4)


def test_the_laplacian_is_that_of_the_smoothed_image() -> None:
    """Against derivatives of Gaussians."""
    image = np.random.default_rng(2).standard_normal((90, 70)).astype(np.float32)
    expected = -36.0 * ndimage.gaussian_laplace(image.astype(np.float64), 6.0, truncate=8.0)
    np.testing.assert_allclose(negative_laplacian(image, 6.0), expected, atol=2e-4)


def test_an_even_image_stays_as_it_is() -> None:
    """A constant has no borders to smooth."""
    even = np.full((33, 48), 7.5, np.float32)
    np.testing.assert_allclose(gaussian(even, 5.0), even, rtol=1e-6)
    np.testing.assert_allclose(negative_laplacian(even, 5.0), 0.0, atol=1e-4)
