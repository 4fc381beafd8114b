"""Amplitude spectra of micrographs."""

import numpy as np
import pytest

from cryobatch.errors import BadInput
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.spectrum import amplitude_spectrum


def wave(period: float, angle_degrees: float, shape: tuple[int, int] = (700, 900)) -> ImageArray:
    """Return a plane wave whose crests follow each other along a direction from x towards y."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = np.radians(angle_degrees)
    along = x * np.cos(angle) + y * np.sin(angle)
    result: ImageArray = np.sin(2.0 * np.pi * along / period).astype(np.float32)
    return result


@pytest.mark.parametrize("pixel", [0.5, 1.0, 1.4, 3.0])
def test_a_wave_is_where_its_frequency_is(pixel: float) -> None:
    """Whatever the pixel, a wave of 12 Å at 30° shows at 1/12 1/Å and 30°, and mirrored."""
    image = wave(12.0 / pixel, 30.0)
    spectrum = amplitude_spectrum(image, 256, pixel_size_angstrom=pixel)
    size = spectrum.amplitudes.shape[0]
    row, column = np.unravel_index(int(spectrum.amplitudes.argmax()), spectrum.amplitudes.shape)
    y, x = row - size // 2, column - size // 2
    frequency = np.hypot(x, y) / (size * spectrum.pixel_size_angstrom)
    assert frequency == pytest.approx(1.0 / 12.0, abs=1.5 / (size * spectrum.pixel_size_angstrom))
    assert np.degrees(np.arctan2(y, x)) % 180.0 == pytest.approx(30.0, abs=3.0)
    assert spectrum.pixel_size_angstrom >= 1.39


def test_a_spectrum_mirrors_itself_about_its_centre() -> None:
    """Zero frequency is at size // 2; opposite pixels are equal, with and without cutting."""
    image = np.random.default_rng(0).standard_normal((600, 700)).astype(np.float32)
    for pixel in (0.8, 1.5):
        amplitudes = amplitude_spectrum(image, 128, pixel_size_angstrom=pixel).amplitudes
        assert amplitudes.shape == (128, 128)
        assert amplitudes[64, 64] == 0.0
        mirrored = amplitudes[:0:-1, :0:-1]
        assert amplitudes[1:, 1:] == pytest.approx(mirrored, rel=1e-5)


def test_small_pixels_give_the_spectrum_of_larger_ones() -> None:
    """A pixel of 0.7 Å gives a spectrum of about 1.4 Å of the box that was asked for."""
    image = np.random.default_rng(0).standard_normal((600, 600)).astype(np.float32)
    spectrum = amplitude_spectrum(image, 256, pixel_size_angstrom=0.7)
    assert spectrum.amplitudes.shape == (256, 256)
    assert spectrum.pixel_size_angstrom == pytest.approx(1.4, rel=0.02)


def test_a_small_micrograph_takes_a_smaller_box() -> None:
    """A micrograph that is smaller than the box still has a spectrum."""
    image = np.random.default_rng(0).standard_normal((201, 333)).astype(np.float32)
    assert amplitude_spectrum(image, 512, pixel_size_angstrom=1.5).amplitudes.shape == (200, 200)


def test_hot_pixels_do_not_matter() -> None:
    """A few pixels a million times too bright change the spectrum by little."""
    image = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    hot = image.copy()
    hot[200, 200:203] = 1e6
    clean = amplitude_spectrum(image, 128, pixel_size_angstrom=1.5).amplitudes
    seen = amplitude_spectrum(hot, 128, pixel_size_angstrom=1.5).amplitudes
    assert float(np.corrcoef(clean.ravel(), seen.ravel())[0, 1]) > 0.5


def test_damaged_and_tiny_micrographs_are_refused() -> None:
    """What is no number, tiny or no image is an error that says so."""
    image = np.ones((256, 256), np.float32)
    image[0, 0] = np.inf
    with pytest.raises(BadInput, match="1 of 65536 pixels"):
        amplitude_spectrum(image, 128, pixel_size_angstrom=1.0)
    with pytest.raises(BadInput, match="at least 64"):
        amplitude_spectrum(np.ones((20, 400), np.float32), 128, pixel_size_angstrom=1.0)
    with pytest.raises(BadInput, match="3 dimensions"):
        amplitude_spectrum(np.ones((3, 200, 200), np.float32), 128, pixel_size_angstrom=1.0)
