"""What is expected of motion is measured on it: neither noise nor real motion is mistaken."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging.motion_fit import Parameters, newton_step
from cryobatch.imaging.motion_model import SPATIAL_TERMS
from cryobatch.imaging.motion_prior import Evidence, Scales, make_prior
from cryobatch.imaging.motion_time import TIME_TERMS

FRAMES = 24
ERROR_ANGSTROM = 0.1


def _seen(truth: NDArray[np.float64], seed: int) -> Evidence:
    """Return what one says who saw ``(2, frames)`` places with an error, but not where zero is."""
    noise = ERROR_ANGSTROM * np.random.default_rng(seed).standard_normal(truth.shape)
    blind = (np.eye(FRAMES) - 1.0 / FRAMES) / ERROR_ANGSTROM**2
    curvature = np.asarray(np.kron(np.eye(2), blind), dtype=np.float64)
    return Evidence(curvature, curvature @ (truth + noise).ravel())


def _left(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    error = found.reshape(truth.shape) - truth
    return float((error - error.mean(axis=1, keepdims=True)).std())


def test_a_steady_drift_is_seen_through_the_noise() -> None:
    """Of a drift without shaking, half of the noise at most is left."""
    time = np.linspace(0.0, 1.0, FRAMES)
    truth = np.stack([8.0 * time, -3.0 * time])
    prior, seen = make_prior(FRAMES), _seen(truth, 1)
    scales = seen.scales(prior, Scales())
    assert scales.shaking_angstrom < 0.5 * ERROR_ANGSTROM
    assert _left(seen.best(prior, scales), truth) < 0.5 * ERROR_ANGSTROM


def test_shaking_is_not_smoothed_away() -> None:
    """Frames that shake by much more than the noise keep the places they were seen at."""
    truth = np.random.default_rng(2).standard_normal((2, FRAMES))
    prior, seen = make_prior(FRAMES), _seen(truth, 3)
    scales = seen.scales(prior, Scales())
    assert scales.shaking_angstrom == pytest.approx(1.0, rel=0.4)
    assert _left(seen.best(prior, scales), truth) < 1.1 * ERROR_ANGSTROM


def test_a_jump_is_followed() -> None:
    """A jump of 6 Å between two frames stays within one frame, and 1.3 times the noise is left."""
    truth = np.zeros((2, FRAMES))
    truth[0, 13:] = 6.0
    prior, seen = make_prior(FRAMES), _seen(truth, 4)
    assert _left(seen.best(prior, seen.scales(prior, Scales())), truth) < 1.3 * ERROR_ANGSTROM


def test_one_step_leads_to_slow_motion() -> None:
    """Frames that hold their neighbours alone are led to a drift of all of them by one step."""
    truth = np.stack([np.linspace(0.0, 2.0, FRAMES), np.linspace(0.0, -1.0, FRAMES)])
    coupling = np.zeros(FRAMES)
    coupling[1] = 1.0
    chain = np.diff(np.eye(FRAMES), axis=0)
    hold = chain.T @ chain
    firmness = float(np.trace(hold)) / FRAMES
    slopes = np.zeros((1, FRAMES, 7))
    slopes[0, :, :2] = 1e4 * (hold @ truth.T)
    slopes[0, :, 2] = slopes[0, :, 4] = 1e4 * firmness
    rest = Parameters(np.zeros((FRAMES, 2)), np.zeros((2, SPATIAL_TERMS, TIME_TERMS)))
    step = newton_step(
        rest, slopes, np.ones(FRAMES), coupling, None, make_prior(FRAMES), Scales(), 100.0
    )
    assert step.parameters.shifts == pytest.approx(truth.T, abs=0.01)
