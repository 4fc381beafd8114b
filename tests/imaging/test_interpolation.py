"""Taps between pixels keep signal, and tell what they do to noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging import fourier, interpolation, resample

TAPS = interpolation.interpolation_taps().astype(np.float64)
FRACTIONS = np.linspace(0.0, 1.0, len(TAPS))[:, None]


def test_taps_are_exact_at_whole_pixels_and_sum_to_one() -> None:
    """A frame that moves by whole pixels is copied, and none changes its mean."""
    assert TAPS.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert TAPS[0] == pytest.approx([0, 0, 0, 0, 1, 0, 0, 0, 0, 0], abs=1e-4)
    assert TAPS[-1] == pytest.approx([0, 0, 0, 0, 0, 1, 0, 0, 0, 0], abs=1e-4)


@pytest.mark.parametrize(("frequency", "least"), [(0.2, 0.9999), (0.4, 0.998), (0.45, 0.97)])
def test_signal_is_kept(frequency: float, least: float) -> None:
    """Of signal against noise, an axis keeps so much up to 0.9 Nyquist, over all fractions."""
    place = np.arange(interpolation.TAPS) - interpolation.BEFORE
    response = (TAPS * np.exp(2j * np.pi * frequency * (place - FRACTIONS))).sum(axis=1)
    assert response.real.mean() / np.sqrt((np.abs(response) ** 2).mean()) > least


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
