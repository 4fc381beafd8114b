"""The error that a CTF fit states, against the errors that it makes."""

import numpy as np
import pytest

from cryobatch.imaging.ctf import CtfFit, fit_spectrum
from tests.imaging.test_ctf import KRIOS, astigmatism_error, made_spectrum, mean_defocus

U, V, ANGLE = 15_400.0, 14_600.0, 30.0


def fitted(signal: float, seed: int) -> CtfFit:
    """Fit one noisy spectrum of the same defocus."""
    made = made_spectrum(U, V, ANGLE, signal=signal, seed=seed)
    return fit_spectrum(made, pixel_size_angstrom=1.4, **KRIOS)


def test_errors_are_as_large_as_stated() -> None:
    """Over noisy spectra, the root mean square error and the stated one agree within 2.5 times."""
    fits = [fitted(0.1, seed) for seed in range(12)]
    assert all(fit.found for fit in fits)
    made = np.sqrt(np.mean([(mean_defocus(fit) - (U + V) / 2) ** 2 for fit in fits]))
    stated = np.sqrt(np.mean([fit.errors.defocus_angstrom**2 for fit in fits]))
    assert 0.4 < made / stated < 2.5
    made = np.sqrt(np.mean([astigmatism_error(fit, U, V, ANGLE) ** 2 for fit in fits]))
    stated = np.sqrt(np.mean([fit.errors.astigmatism_angstrom**2 for fit in fits]))
    assert 0.4 < made / stated < 2.5


def test_fainter_rings_leave_more_doubt() -> None:
    """The stated error grows as the rings fade."""
    errors = [fitted(signal, 1).errors.defocus_angstrom for signal in (0.5, 0.2, 0.08)]
    assert errors == sorted(errors)
    assert errors[2] > 2.0 * errors[0]


def test_a_phase_shift_that_is_none_is_told() -> None:
    """Searched without a phase plate: none within its error; 90 degrees are one."""
    for phase, none in ((0.0, True), (90.0, False)):
        made = made_spectrum(
            12_200.0, 11_800.0, 40.0, size=512, phase_degrees=phase, signal=0.3, contrast=0.07
        )
        fit = fit_spectrum(
            made, pixel_size_angstrom=1.4, phase_shift_range_degrees=(0.0, 180.0), **KRIOS
        )
        assert fit.found
        assert fit.no_phase_plate == none
        assert fit.errors.phase_shift_degrees > 0.0


def test_a_shift_that_is_not_searched_has_no_error() -> None:
    """Nothing is said about a phase plate that nobody asked about."""
    fit = fitted(0.3, 1)
    assert fit.errors.phase_shift_degrees == 0.0
    assert not fit.no_phase_plate


@pytest.mark.parametrize("mean", [3000.0, 4000.0, 6000.0])
def test_a_low_defocus_is_told_from_a_phase_shift(mean: float) -> None:
    """With the few rings of 0.3 to 0.6 µm, defocus and phase shift come back together."""
    made = made_spectrum(mean + 50, mean - 50, 40.0, size=512, phase_degrees=60.0, signal=0.4)
    fit = fit_spectrum(
        made, pixel_size_angstrom=1.4, phase_shift_range_degrees=(0.0, 180.0), **KRIOS
    )
    assert mean_defocus(fit) == pytest.approx(mean, abs=150.0)
    assert fit.phase_shift_degrees == pytest.approx(60.0, abs=12.0)
