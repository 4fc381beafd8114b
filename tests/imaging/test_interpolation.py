"""Taps between pixels keep signal, and tell what they do to noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging import fourier, interpolation, resample

TAPS = interpolation.interpolation_taps().astype(np.float64)
FRACTIONS = np.linspace(0.0, 1.0, len(TAPS))[:, None]


PLACES = np.arange(interpolation.TAPS) - interpolation.BEFORE


def responses(frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return ``(fractions, frequencies)``: what the taps make of waves, without their move."""
    waves = np.exp(2j * np.pi * frequency * PLACES[:, None])
    found: NDArray[np.complex128] = (TAPS @ waves) * np.exp(-2j * np.pi * frequency * FRACTIONS)
    return found


def test_taps_sum_to_one_and_take_whole_pixels_alike() -> None:
    """None changes the mean, and from both sides of a pixel it is reached by the same taps."""
    assert TAPS.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert TAPS[-1] == pytest.approx(TAPS[0, ::-1], abs=1e-5)


def test_coarse_detail_is_exact_at_every_fraction() -> None:
    """To 0.3 % up to half of Nyquist, to 2 % up to 0.6 of it."""
    assert np.abs(responses(np.linspace(0.0, 0.25, 50)) - 1.0).max() < 3e-3
    assert np.abs(responses(np.linspace(0.25, 0.3, 20)) - 1.0).max() < 2e-2


@pytest.mark.parametrize(
    ("frequency", "least"),
    [(0.2, 0.9999), (0.3, 0.9999), (0.4, 0.995), (0.45, 0.997), (0.48, 0.95)],
)
def test_signal_is_kept(frequency: float, least: float) -> None:
    """Of signal against noise, an axis keeps so much nearly up to Nyquist, over all fractions."""
    response = responses(np.array([frequency]))
    assert response.real.mean() / np.sqrt((np.abs(response) ** 2).mean()) > least


def test_noise_is_as_strong_at_every_fraction() -> None:
    """White again as a whole, it keeps its variance to 1 %: no fringes where motion varies."""
    frequency = np.linspace(0.0, 0.5, 500)
    power = np.abs(responses(frequency)) ** 2 / interpolation.usual_damping(frequency) ** 2
    of_fractions = power.mean(axis=1)
    assert of_fractions.mean() == pytest.approx(1.0, abs=0.005)
    assert of_fractions.std() < 0.006


@pytest.mark.parametrize("shape", [(256, 320), (9, 70), (2, 2)])
def test_a_step_between_opposite_borders_is_joined(shape: tuple[int, int]) -> None:
    """Brightness that rises from side to side does so from the last pixel to the first one."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = (5.0 * x / shape[1] - 3.0 * y / shape[0]).astype(np.float32)
    joined = image.copy()
    interpolation.join_borders(joined)
    inside = (slice(16, -16), slice(16, -16))
    if min(shape) > 64:
        np.testing.assert_array_equal(joined[inside], image[inside])
        for axis in (0, 1):
            edge = np.take(joined, [0, -1], axis=axis)
            assert np.abs(np.diff(edge, axis=axis)).max() < 0.5
    flat = np.full(shape, 7.0, np.float32)
    interpolation.join_borders(flat)
    assert flat == pytest.approx(np.full(shape, 7.0))


def test_whitening_undoes_what_resampling_does_to_noise() -> None:
    """Resampled white noise is white again, of its variance, along the axes and in the corners."""
    random = np.random.default_rng(3)
    shifts = np.array([[0.0, 0.5], [1.3, -0.5], [0.5, 0.0], [-2.4, 2.4]])
    power = np.zeros((256, 129))
    response = interpolation.noise_response(shifts[:, None], np.ones(4))
    y, x = fourier.frequencies((256, 256))
    for _ in range(4):
        frames = [random.standard_normal((256, 256)).astype(np.float32) for _ in range(4)]
        part = sum_of(frames, shifts)
        spectrum = fourier.forward(part)
        interpolation.whiten(spectrum, response, y[:, 0], x[0])
        power += np.abs(spectrum) ** 2 / part.size / 16
    high_y, high_x = np.abs(y) > 0.4, x > 0.4
    for part_of in (high_y & high_x, high_y & ~high_x, ~high_y & high_x, ~high_y & ~high_x):
        assert power[part_of].mean() == pytest.approx(1.0, abs=0.06)
    assert power.mean() == pytest.approx(1.0, abs=0.02)


def sum_of(frames: list[NDArray[np.float32]], shifts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the sum of four frames, each displaced as a whole."""
    part, none = np.empty(frames[0].shape, np.float32), np.empty((0, 0), np.float32)
    moved = np.zeros((4, 2, 6))
    moved[:, :, 0] = shifts
    no_sums, no_weights = np.empty((0, *part.shape), np.float32), np.zeros((0, 4), np.float32)
    for band in resample.bands(len(part)):
        resample.add_resampled(
            tuple(frames), none, 4, moved, interpolation.interpolation_taps(), part, True, no_sums,
            no_weights, True, band,
        )  # fmt: skip
    return part
