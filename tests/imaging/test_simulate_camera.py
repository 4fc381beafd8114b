"""The simulated camera loses, spreads and errs as much as it says."""

from dataclasses import replace

import numpy as np
import pytest

from cryobatch.imaging.simulate import SimulationSettings, simulate_movie, simulated_camera
from cryobatch.imaging.simulate_camera import (
    count_electrons,
    lose_coincident,
    modulation_transfer,
    share_counted,
)

SMALL = SimulationSettings(rows=256, columns=320, frames=3)


@pytest.mark.parametrize("density", [0.01, 0.05])
def test_coincident_electrons_count_once(density: float) -> None:
    """The share of electrons that is counted is the stated one, and less is lost at low rates."""
    even = np.ones((600, 600), np.float32)
    counts = count_electrons(even, even, 5)
    kept = lose_coincident(counts, even, 5, round(1.0 / density))
    share = kept.sum() / counts.sum()
    assert share == pytest.approx(share_counted(density), abs=0.002)
    assert (kept <= counts).all()


def test_coincidence_loss_calms_low_frequencies() -> None:
    """Sums over 10 x 10 pixels vary less than Poisson's by about twice the loss."""
    even = np.ones((1000, 1000), np.float32)
    kept = lose_coincident(count_electrons(even, even, 6), even, 6, 50)
    sums = kept.reshape(100, 10, 100, 10).sum(axis=(1, 3)).astype(float)
    loss = 1.0 - share_counted(1.0 / 50)
    assert sums.var() / sums.mean() == pytest.approx(1.0 - 2.0 * loss, abs=0.06)


def test_hot_pixels_neither_hide_nor_are_hidden() -> None:
    """A hot pixel keeps its counts, and its neighbours theirs."""
    rates = np.ones((20, 20), np.float32)
    rates[10, 10] = 50.0
    counts = np.zeros((20, 20), np.uint8)
    counts[10, 10], counts[10, 11] = 60, 1
    assert np.array_equal(lose_coincident(counts, rates, 1, 1), counts)


@pytest.mark.parametrize(("voltage", "loss"), [(300.0, 0.01), (200.0, 0.01), (300.0, 0.0)])
def test_a_movie_has_the_stated_electrons(voltage: float, loss: float) -> None:
    """Mean gain-corrected counts are the stated ones: dose, ice, DQE, coincidence."""
    settings = replace(
        SMALL, voltage_kv=voltage, electrons_per_readout=loss, hot_pixels=0, dead_pixels=0
    )
    movie = simulate_movie(settings, 2)
    mean = (movie.frames * movie.gain).mean()
    assert mean == pytest.approx(settings.electrons_per_pixel, rel=0.015)


def test_thinner_and_faster_loses_less() -> None:
    """More electrons get through thin ice and at a higher voltage; coincidence takes some away."""
    usual = SMALL.electrons_per_pixel
    assert replace(SMALL, voltage_kv=200.0).electrons_per_pixel < usual
    assert replace(SMALL, ice_thickness_angstrom=1000.0).electrons_per_pixel < usual
    assert replace(SMALL, electrons_per_readout=0.0).electrons_per_pixel > usual


@pytest.mark.parametrize("spread", [0.03, 0.10])
def test_the_gain_spreads_as_asked(spread: float) -> None:
    """The sensitivities' relative deviation is the asked one."""
    settings = replace(
        SMALL, rows=512, columns=4096, gain_deviation=spread, hot_pixels=0, dead_pixels=0
    )
    sensitivity = simulated_camera(settings, 3).rates
    assert sensitivity.std() / sensitivity.mean() == pytest.approx(spread, rel=0.15)


def test_a_wrong_gain_is_wrong_by_as_much_as_asked() -> None:
    """Sensitivity times reference is 1 for a right reference, else spreads by the asked error."""
    settings = replace(SMALL, rows=512, columns=4096, hot_pixels=0, dead_pixels=0)
    right, wrong = (
        simulated_camera(replace(settings, gain_error=error), 3) for error in (0.0, 0.01)
    )
    assert np.allclose(right.rates * right.gain, 1.0, atol=1e-6)
    assert (wrong.rates * wrong.gain).std() == pytest.approx(0.01, rel=0.15)
    assert np.array_equal(right.rates, wrong.rates)


def test_the_signal_falls_with_frequency_and_the_noise_does_not() -> None:
    """The MTF is 1 at zero and 0.47 at Nyquist: DQE falls to 0.2 there, since noise stays white."""
    transfer = modulation_transfer(np.array([0.0, 0.25, 0.5], np.float32))
    assert transfer == pytest.approx([1.0, 0.835, 0.468], abs=0.01)
    still = replace(
        SMALL, frames=1, particle_count=0, ice_thickness_angstrom=0.0, electrons_per_readout=0.0,
        hot_pixels=0, dead_pixels=0, gain_deviation=0.0,
    )  # fmt: skip
    counts = simulate_movie(still, 4).frames[0].astype(float)
    power = np.abs(np.fft.rfft2(counts - counts.mean())) ** 2 / counts.size
    assert power[64:192, 80:].mean() == pytest.approx(counts.mean(), rel=0.05)
    assert power[8:64, 8:80].mean() == pytest.approx(counts.mean(), rel=0.05)


def test_without_beam_only_hot_pixels_count() -> None:
    """A frame without beam holds nothing, its neighbours all they should."""
    movie = simulate_movie(replace(SMALL, empty_frames=(1,), hot_pixels=0), 2)
    assert not movie.frames[1].any()
    assert movie.frames[0].mean() == pytest.approx(movie.frames[2].mean(), rel=0.05)
