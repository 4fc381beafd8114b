"""The formula of the CTF, and the inner loop that scores it."""

import math

import numpy as np
import pytest

from cryobatch.imaging.ctf_coarse import ring_law, ring_table
from cryobatch.imaging.ctf_curve import frequency_of_turns
from cryobatch.imaging.ctf_formula import (
    Defocus,
    Optics,
    astigmatic_defocus,
    electron_wavelength_angstrom,
    ring_turns,
    transfer,
)
from cryobatch.imaging.ctf_pixels import RingPixels, ring_pixels
from cryobatch.imaging.ctf_score import cosine_of_turns, pixel_average
from cryobatch.imaging.ctf_search import score

KRIOS = Optics(300.0, 2.7, 0.07)


@pytest.fixture(scope="module")
def pixels() -> RingPixels:
    """Return the ring pixels of a noisy spectrum."""
    noise = 1.0 + 0.1 * np.random.default_rng(0).standard_normal((128, 128))
    return ring_pixels(noise.astype(np.float32), 1.4, KRIOS, 30.0, 5.0)


@pytest.mark.parametrize(
    ("voltage", "wavelength"), [(100.0, 0.037014), (200.0, 0.025079), (300.0, 0.019687)]
)
def test_wavelengths_are_those_of_the_textbook(voltage: float, wavelength: float) -> None:
    """Relativistic wavelengths at the usual voltages."""
    assert electron_wavelength_angstrom(voltage) == pytest.approx(wavelength, abs=1e-6)


def test_at_zero_frequency_only_the_amplitude_contrast_is_left() -> None:
    """The CTF begins at minus the amplitude contrast, whatever the defocus."""
    zero = np.zeros(1)
    assert transfer(zero, zero, Defocus(12_000.0), KRIOS)[0] == pytest.approx(-0.07, abs=1e-12)


def test_the_first_zero_is_where_the_phase_is_pi() -> None:
    """Without aberration and amplitude contrast it lies at sqrt(1 / (wavelength defocus))."""
    plain = Optics(300.0, 0.0, 0.0)
    zero = np.array([1.0 / math.sqrt(plain.wavelength_angstrom * 10_000.0)])
    assert transfer(zero, np.zeros(1), Defocus(10_000.0), plain)[0] == pytest.approx(0, abs=1e-9)
    assert ring_turns(zero, 10_000.0, plain)[0] == pytest.approx(1.0)


def test_underfocus_and_aberration_work_against_each_other() -> None:
    """Cs takes phase away from underfocus."""
    frequency = np.array([0.3])
    without = ring_turns(frequency, 10_000.0, Optics(300.0, 0.0, 0.0))
    assert ring_turns(frequency, 10_000.0, Optics(300.0, 2.7, 0.0))[0] < without[0]


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 170.0])
def test_astigmatism_keeps_its_numbers(angle: float) -> None:
    """u, v and angle come back from the parameters that the fit moves."""
    defocus = astigmatic_defocus(15_000.0, 14_000.0, angle, 45.0)
    assert defocus.mean_angstrom == 14_500.0
    assert defocus.half_difference_angstrom == pytest.approx(500.0)
    assert defocus.angle_degrees == pytest.approx(angle, abs=1e-9)
    assert defocus.phase_shift_turns == 0.25


def test_the_largest_defocus_is_along_its_angle() -> None:
    """The CTF along the angle is that of u, across it that of v."""
    defocus = astigmatic_defocus(15_000.0, 14_000.0, 30.0)
    frequency = np.array([0.1, 0.1])
    direction = np.radians([30.0, 120.0])
    seen = transfer(frequency, direction, defocus, KRIOS)
    along = transfer(frequency[:1], direction[:1], Defocus(15_000.0), KRIOS)
    across = transfer(frequency[:1], direction[:1], Defocus(14_000.0), KRIOS)
    assert seen == pytest.approx([along[0], across[0]])


def test_frequencies_come_back_from_their_turns() -> None:
    """The inverse holds up to where the aberration turns the phase back."""
    frequency = np.linspace(0.01, 0.35, 50)
    turns = ring_turns(frequency, 12_000.0, KRIOS)
    assert frequency_of_turns(turns, 12_000.0, KRIOS) == pytest.approx(frequency, rel=1e-6)
    assert np.isnan(frequency_of_turns(np.array([1e4]), 12_000.0, KRIOS)).all()


def test_the_fast_cosine_is_a_cosine() -> None:
    """The polynomial stays within 2e-6 of the cosine near zero turns, 2e-4 at a thousand."""
    for turns in np.linspace(-3.0, 3.0, 301):
        exact = math.cos(2.0 * math.pi * float(np.float32(turns)))
        assert float(cosine_of_turns(np.float32(turns))) == pytest.approx(exact, abs=2e-6)
    far = np.float32(1000.3)
    exact = math.cos(2.0 * math.pi * float(far))
    assert float(cosine_of_turns(far)) == pytest.approx(exact, abs=2e-4)


def test_narrow_rings_fade_like_a_sinc() -> None:
    """The average of a cosine over a pixel, within 0.003; nothing from one turn a pixel on."""
    for turns in np.linspace(0.0, 0.999, 50):
        fade = float(pixel_average(np.float32(turns)))
        assert fade == pytest.approx(float(np.sinc(turns)), abs=0.003)
    assert float(pixel_average(np.float32(1.5))) == 0.0


def test_the_score_is_a_partial_correlation(pixels: RingPixels) -> None:
    """The inner loop gives what plain linear algebra gives."""
    defocus = astigmatic_defocus(15_000.0, 14_000.0, 30.0)
    double = 2.0 * pixels.direction
    local = 14_500.0 + 500.0 * np.cos(double - math.radians(60.0))
    rate = 2.0 * KRIOS.wavelength_angstrom * pixels.frequency * local * pixels.step
    turns = ring_turns(pixels.frequency, 0.0, KRIOS)
    turns = turns + KRIOS.wavelength_angstrom * pixels.frequency**2 * local
    model = -np.sinc(rate) * np.cos(2.0 * np.pi * turns)
    model -= pixels.background.T @ (pixels.background @ model)
    expected = float(pixels.data @ model) / float(np.linalg.norm(model))
    assert score(pixels, defocus) == pytest.approx(expected, abs=2e-3)


def test_the_data_know_nothing_of_the_background(pixels: RingPixels) -> None:
    """Flattened pixels have length 1 and are orthogonal to every shape of the background."""
    assert float(pixels.data @ pixels.data) == pytest.approx(1.0, abs=1e-4)
    assert pixels.background @ pixels.data == pytest.approx(0.0, abs=1e-4)


def test_sectors_lose_no_pixel(pixels: RingPixels) -> None:
    """The coarse table holds every pixel once, and its law is the CTF's."""
    rings = ring_table(pixels)
    assert rings.weight.sum() == pixels.data.size
    assert rings.data.sum() == pytest.approx(float(pixels.data.sum()), abs=1e-5)
    law = ring_law(rings)
    expected = ring_turns(rings.frequency, 10_000.0, KRIOS)
    assert law.per_angstrom * 10_000.0 + law.constant == pytest.approx(expected, abs=0.02)
