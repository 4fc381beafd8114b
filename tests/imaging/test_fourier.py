"""Fourier cropping keeps what it can show."""

import numpy as np
import pytest

from cryobatch.imaging.fourier import crop_image, cropped_shape, good_size


def _waves(shape: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return waves that go 3 times along y and 5 times along x, on a mean of 7."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    phase = 2.0 * np.pi * (3.0 * y / shape[0] + 5.0 * x / shape[1])
    return (7.0 + np.cos(phase + 0.4)).astype(np.float32)


@pytest.mark.parametrize("smaller", [(32, 40), (33, 41), (64, 40), (64, 81)])
def test_cropping_keeps_grey_values_and_waves(smaller: tuple[int, int]) -> None:
    """What is coarse enough looks the same in fewer pixels, of even or odd number."""
    cropped = crop_image(_waves((64, 81)), smaller)
    assert cropped.shape == smaller
    assert np.abs(cropped - _waves(smaller)).max() < 1e-4


def test_cropping_removes_what_would_alias() -> None:
    """Detail finer than the new pixels vanishes instead of turning into something else."""
    y, x = np.ogrid[:64, :64]
    fine = np.cos(2.0 * np.pi * 25.0 * (x + 0 * y) / 64.0).astype(np.float32)
    assert np.abs(crop_image(fine, (32, 32))).max() < 1e-5


def test_sizes_are_even_and_fast() -> None:
    """A good size is even and made of small primes; cropped shapes are even."""
    for length in (1, 97, 1023, 4099):
        size = good_size(length)
        assert size >= length
        assert size % 2 == 0
        for prime in (2, 3, 5, 7, 11):
            while size % prime == 0:
                size //= prime
        assert size == 1
    assert cropped_shape((8184, 11520), 2.0) == (4092, 5760)
    assert cropped_shape((101, 64), 1.0) == (101, 64)
    assert cropped_shape((101, 64), 1.5) == (68, 42)


def test_a_near_size_is_even_and_never_larger() -> None:
    """It may have factors up to 11, which leave no gaps as wide as those to 5 do."""
    assert (good_size(341), good_size(341, near=True)) == (360, 350)
    for length in range(1, 2000):
        near = good_size(length, near=True)
        assert near % 2 == 0
        assert length <= near <= good_size(length)
