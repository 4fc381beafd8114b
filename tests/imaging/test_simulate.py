"""The simulated microscope is what it says: its noise, its dose, its truth."""

from dataclasses import replace

import numpy as np
import pytest

from cryobatch.imaging.ctf import fit_spectrum
from cryobatch.imaging.simulate import (
    SimulatedMovie,
    SimulationSettings,
    simulate_micrograph,
    simulate_movie,
)
from cryobatch.imaging.simulate_camera import count_electrons
from cryobatch.imaging.spectrum import amplitude_spectrum

SMALL = SimulationSettings(rows=256, columns=320, frames=4)


@pytest.fixture(scope="module")
def movie() -> SimulatedMovie:
    """Return a small movie."""
    return simulate_movie(SMALL, 3)


def test_a_seed_decides_everything(movie: SimulatedMovie) -> None:
    """The same settings and seed give the same counts and truth; another seed does not."""
    again, other = simulate_movie(SMALL, 3, threads=1), simulate_movie(SMALL, 4)
    assert np.array_equal(movie.frames, again.frames)
    assert np.array_equal(movie.motion.global_shifts_px, again.motion.global_shifts_px)
    assert not np.array_equal(movie.frames, other.frames)


def test_another_noise_changes_nothing_else(movie: SimulatedMovie) -> None:
    """Two movies that differ in the noise's seed have one truth; their difference is noise."""
    other = simulate_movie(SMALL, 3, noise_seed=8)
    assert np.array_equal(movie.motion.global_shifts_px, other.motion.global_shifts_px)
    assert np.array_equal(movie.gain, other.gain)
    difference = movie.frames[0].astype(float) - other.frames[0]
    assert abs(difference.mean()) < 0.05 * movie.frames[0].mean()
    assert difference.std() > 0.5 * movie.frames[0].std()


def test_counts_are_poisson() -> None:
    """Counts have the variance and the share of zeros of their mean, small or large."""
    for mean in (0.3, 2.0, 45.0):
        intensity = np.full((300, 300), mean, np.float32)
        counts = count_electrons(intensity, np.ones_like(intensity), 7).astype(float)
        assert counts.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(mean / counts.size))
        assert counts.var() == pytest.approx(mean, rel=0.04)
        assert (counts == 0).mean() == pytest.approx(np.exp(-mean), abs=0.01)


def test_the_gain_reference_undoes_the_gain(movie: SimulatedMovie) -> None:
    """Corrected counts are the stated electrons a pixel; dead pixels have gain and counts 0."""
    corrected = movie.frames * movie.gain
    assert np.median(corrected.mean(axis=0)) == pytest.approx(SMALL.electrons_per_pixel, rel=0.05)
    x, y = movie.camera.dead_pixels.astype(int).T
    assert not movie.gain[y, x].any()
    assert not movie.frames[:, y, x].any()


def test_hot_pixels_are_where_the_truth_says(movie: SimulatedMovie) -> None:
    """Each hot pixel counts far more than the frame's others."""
    x, y = movie.camera.hot_pixels.astype(int).T
    assert movie.frames.sum(axis=0)[y, x].min() > 4 * movie.frames.sum(axis=0).mean()


def test_motion_has_the_asked_length() -> None:
    """Without jitter the path is as long as asked, starts at zero and is fastest at first."""
    settings = replace(SMALL, frames=16, jitter_angstrom=0.0, local_motion_angstrom=5.0)
    movie = simulate_movie(settings, 9)
    steps = np.hypot(*np.diff(movie.global_shifts_angstrom, axis=0).T)
    assert steps.sum() == pytest.approx(12.0)
    assert steps[0] == steps.max()
    x, y = np.meshgrid([0.0, 159.5, 319.0], [0.0, 127.5, 255.0])
    local = movie.motion.local_shifts_px(x.ravel(), y.ravel()) * 1.5
    assert np.hypot(local[..., 0], local[..., 1]).max() == pytest.approx(5.0, rel=0.1)


def test_particles_are_dark_where_the_truth_says() -> None:
    """Under focus, the mean of the particles' rims is darker than the field, and in order x, y."""
    settings = SimulationSettings(rows=512, columns=640, particle_count=25, frames=30)
    micrograph = simulate_micrograph(settings, 5)
    rim = 0.42 * settings.particle_diameter_angstrom / settings.pixel_size_angstrom
    angle = np.arange(0.0, 2.0 * np.pi, 0.2)
    circle = np.stack([rim * np.cos(angle), rim * np.sin(angle)], axis=-1)
    points = (micrograph.particle_centres_px[:, None] + circle).reshape(-1, 2)
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < 640) & (y < 512)
    dark = micrograph.image[y[inside], x[inside]].mean()
    assert dark < micrograph.image.mean() - 0.2 * micrograph.image.std()


def test_a_micrograph_shows_the_ctf_it_was_made_with() -> None:
    """A fit of the micrograph's spectrum finds its defocus and astigmatism."""
    settings = SimulationSettings(frames=30, defocus_u_angstrom=17_000.0)
    image = simulate_micrograph(settings, 8).image
    spectrum = amplitude_spectrum(image, 512, pixel_size_angstrom=1.5)
    fit = fit_spectrum(
        spectrum.amplitudes, pixel_size_angstrom=spectrum.pixel_size_angstrom, voltage_kv=300.0,
        cs_mm=2.7, amplitude_contrast=0.1,
    )  # fmt: skip
    assert fit.defocus_u_angstrom == pytest.approx(17_000.0, abs=200.0)
    assert fit.defocus_v_angstrom == pytest.approx(14_500.0, abs=200.0)
    assert fit.defocus_angle_degrees == pytest.approx(35.0, abs=4.0)
