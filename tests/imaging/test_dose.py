"""Dose weighting keeps Grant & Grigorieff's formula."""

import numpy as np
import pytest

from cryobatch.imaging.dose import Exposure, critical_exposure, weight_basis


def test_critical_exposure_is_the_papers() -> None:
    """At 300 kV: 3.588 e/Å² at 2 Å, 6.384 at 5 Å and 14.13 at 10 Å, by the paper's equation."""
    found = critical_exposure(np.array([0.5, 0.2, 0.1]), 300.0)
    by_hand = [0.245 * 2.0**1.665 + 2.81, 0.245 * 5.0**1.665 + 2.81, 0.245 * 10.0**1.665 + 2.81]
    assert found == pytest.approx(by_hand)
    assert found == pytest.approx([3.587, 6.382, 14.139], abs=0.01)


def test_lower_voltage_damages_more() -> None:
    """At 200 kV the critical exposure is 0.8 of that at 300 kV, at 100 kV 0.64."""
    frequency = np.array([0.05, 0.3])
    at_300 = critical_exposure(frequency, 300.0)
    assert critical_exposure(frequency, 200.0) == pytest.approx(0.8 * at_300)
    assert critical_exposure(frequency, 100.0) == pytest.approx(0.64 * at_300)


def test_dose_counts_after_the_frame() -> None:
    """A frame is weighted by the dose when it ends, the pre-exposure included; DC is not damped."""
    exposure = Exposure(1.5, 2.0, 300.0)
    assert exposure.after_frame(0) == 3.5
    weights = exposure.weights(3, np.array([0.0, 0.2]))
    critical = 0.245 * 0.2**-1.665 + 2.81
    assert weights == pytest.approx([1.0, np.exp(-8.0 / (2.0 * critical))])


@pytest.mark.parametrize(("dose", "frames"), [(0.5, 80), (1.0, 32), (2.0, 20), (1.0, 1)])
def test_few_terms_make_all_weights(dose: float, frames: int) -> None:
    """Terms of frame and frequency, a handful, multiply to weights that are as good.

    What all frames share keeps its amplitude, the noise its power, and a signal that fades as the
    weights do 0.999 of itself.
    """
    exposure = Exposure(dose, 1.0, 300.0)
    frequency = np.linspace(0.0, 0.9, 2000)
    basis = weight_basis(exposure, frames, frequency)
    weights = np.stack([exposure.weights(index, frequency) for index in range(frames)])
    weights /= np.sqrt((weights**2).sum(axis=0))
    found = basis.in_time.T @ basis.in_space
    assert found.sum(axis=0) == pytest.approx(weights.sum(axis=0), rel=1e-5)
    assert (found**2).sum(axis=0) == pytest.approx(1.0, abs=1e-3)
    assert (found * weights).sum(axis=0).min() > 0.999
    assert len(basis.in_time) <= 6
    assert basis.in_time[0] == pytest.approx(1.0)
