"""The simulated specimen diffuses, fades and is contaminated as it says."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging.dose import critical_exposure
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie
from cryobatch.imaging.simulate_contamination import ethane_drops, gold_beads, ice_crystals
from cryobatch.imaging.simulate_field import Field, make_field
from cryobatch.imaging.simulate_motion import SimulatedMotion

STILL = SimulationSettings(
    rows=500, columns=496, frames=6, drift_angstrom=0.0, local_motion_angstrom=0.0,
    jitter_angstrom=0.0, dose_per_frame=1.2,
)  # fmt: skip


def field_and_spectra(settings: SimulationSettings) -> tuple[Field, NDArray[np.complex128]]:
    """Return a field at rest and the spectra of what it shows in each frame."""
    frames = settings.frames
    rest = SimulatedMotion(
        MotionModel(settings.shape, np.zeros((frames, 2))), np.zeros((frames, 2))
    )
    field = make_field(settings, rest, 4, 1)
    images = [field.frame_contrast(index, rest) for index in range(frames)]
    return field, np.array([np.fft.rfft2(image.astype(float)) for image in images])


def frequencies(field: Field) -> NDArray[np.float64]:
    """Return 1/Å of each Fourier coefficient."""
    pixel = field.settings.pixel_size_angstrom
    y = np.fft.fftfreq(field.shape[0], pixel)[:, None]
    k: NDArray[np.float64] = np.hypot(y, np.fft.rfftfreq(field.shape[1], pixel))
    return k


@pytest.mark.parametrize("frames_apart", [1, 4])
def test_water_diffuses_by_one_angstrom_for_each_electron(frames_apart: int) -> None:
    """Ice of two frames agrees by exp(-2 pi² k² / 3 x dose): 1 Å rms for 1 e/Å², in space."""
    field, spectra = field_and_spectra(replace(STILL, particle_count=0))
    k = frequencies(field)
    for low, high in ((0.05, 0.07), (0.12, 0.14), (0.2, 0.22)):
        ring = (k > low) & (k < high)
        first, later = spectra[0][ring], spectra[frames_apart][ring]
        agreement = (first * later.conj()).real.mean() / (np.abs(first) ** 2).mean()
        expected = np.exp(-2.0 * np.pi**2 / 3.0 * k[ring] ** 2 * 1.2 * frames_apart).mean()
        assert agreement == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize(("voltage", "factor"), [(300.0, 1.0), (200.0, 0.8)])
def test_particles_fade_by_the_measured_curve(voltage: float, factor: float) -> None:
    """Amplitudes of two frames have the ratio exp(-dose between / 2 N_c), at every frequency."""
    settings = replace(STILL, ice_thickness_angstrom=0.0, voltage_kv=voltage, pre_exposure=3.0)
    field, spectra = field_and_spectra(settings)
    k = frequencies(field)
    shown = (np.abs(spectra[0]) > 1e-2) & (k > 0.02) & (k < 0.3)
    ratio = np.abs(spectra[5][shown]) / np.abs(spectra[0][shown])
    critical = critical_exposure(k[shown], 300.0) * factor
    assert ratio == pytest.approx(np.exp(-0.5 * 5 * 1.2 / critical), rel=0.01)
    fresh, _ = field_and_spectra(replace(settings, pre_exposure=0.0, frames=1))
    assert np.array_equal(fresh.particles, field.particles)


def test_pre_exposure_has_faded_the_first_frame() -> None:
    """The first frame after 3 e/Å² is that of a fresh specimen times exp(-3 / 2 N_c)."""
    settings = replace(STILL, ice_thickness_angstrom=0.0, frames=1)
    field, fresh = field_and_spectra(settings)
    _, later = field_and_spectra(replace(settings, pre_exposure=3.0))
    k = frequencies(field)
    shown = (np.abs(fresh[0]) > 1e-2) & (k > 0.02) & (k < 0.3)
    assert np.abs(later[0][shown]) / np.abs(fresh[0][shown]) == pytest.approx(
        np.exp(-0.5 * 3.0 / critical_exposure(k[shown])), rel=0.01
    )


def test_gold_is_dark_and_slides() -> None:
    """Beads hide half of the beam; they lie by the asked distance further at the end."""
    settings = replace(STILL, particle_count=0, gold_count=1, gold_sliding_angstrom=30.0)
    real, imaginary = gold_beads((200, 200), 3, 1.5, 300.0, 2)
    behind = (1.0 + real) ** 2 + imaginary**2
    assert behind.min() == pytest.approx(np.exp(-100.0 / 129.0), abs=0.03)
    assert behind.max() == pytest.approx(1.0)
    _, with_gold = field_and_spectra(settings)
    _, without = field_and_spectra(replace(settings, gold_count=0))
    gold = with_gold - without
    product = np.fft.irfft2(gold[5] * gold[0].conj())
    peak = np.array(np.unravel_index(product.argmax(), product.shape))
    peak = np.where(peak > np.array(product.shape) // 2, peak - product.shape, peak)
    assert np.hypot(*peak) * 1.5 == pytest.approx(30.0, abs=1.6)


@pytest.mark.parametrize(("make", "thickest"), [(ethane_drops, 300.0), (ice_crystals, 160.0)])
def test_contamination_is_thick_and_rare(make: object, thickest: float) -> None:
    """Drops and crystals have the stated thickness, in places, and each asked for is there."""
    assert callable(make)
    none, few, many = (make((1500, 1500), count, 1.5, 3).thickness_angstrom for count in (0, 2, 8))
    assert not none.any()
    assert 0.15 * thickest < few.max() <= thickest
    assert 0.0 < (few > 0).mean() < (many > 0).mean() < 0.6


def test_ethane_and_gold_show_in_movies() -> None:
    """A movie with them has more contrast at low frequency than the same one without."""
    plain = SimulationSettings(rows=512, columns=512, frames=4, particle_count=0)
    clean, dirty = (
        simulate_movie(s, 6)
        for s in (plain, replace(plain, ethane_count=6, gold_count=6, gold_sliding_angstrom=5.0))
    )
    blocks = [
        (m.frames.sum(axis=0) * m.gain).reshape(32, 16, 32, 16).mean(axis=(1, 3))
        for m in (clean, dirty)
    ]
    assert blocks[1].std() > 1.5 * blocks[0].std()
