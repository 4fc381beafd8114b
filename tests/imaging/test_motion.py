"""Motion estimation finds what the simulator moved, and is honest where there is nothing to see."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.imaging.motion import MotionOptions, estimate_motion
from cryobatch.imaging.motion_geometry import make_geometry
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.motion_signal import (
    chosen_lags,
    emphasis,
    estimate_weights,
    ring_frequencies,
)
from cryobatch.imaging.motion_statistics import drift_statistics
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie
from tests.imaging.movies import MovieFrames, motion_error_angstrom

WHOLE = MotionOptions(patches=(1, 1))


@pytest.fixture(scope="module")
def movie() -> SimulatedMovie:
    """Return the default movie: 1024 x 1024 x 16, 12 Å drift, 4 Å local motion."""
    return simulate_movie(SimulationSettings(), 71)


@pytest.fixture(scope="module")
def small() -> SimulatedMovie:
    """Return a small bright movie without local motion."""
    settings = SimulationSettings(
        rows=384, columns=512, frames=8, dose_per_frame=4.0, local_motion_angstrom=0.0
    )
    return simulate_movie(settings, 72)


def test_drift_and_local_motion_are_found(movie: SimulatedMovie) -> None:
    """The default movie's motion is found within 0.35 Å rms over a 5x5 field, in x and in y."""
    found = estimate_motion(MovieFrames(movie), 1.5)
    assert motion_error_angstrom(found.model, movie) < 0.35
    assert found.empty_frames == ()


def test_patches_do_better_than_whole_frames(movie: SimulatedMovie) -> None:
    """Where content moves locally, the polynomial is nearer to it than whole frames are."""
    whole = estimate_motion(MovieFrames(movie), 1.5, WHOLE)
    assert whole.model.coefficients_px is None
    local = estimate_motion(MovieFrames(movie), 1.5)
    assert motion_error_angstrom(local.model, movie) < 0.8 * motion_error_angstrom(
        whole.model, movie
    )


def test_a_shift_is_the_displacement_of_the_content() -> None:
    """A frame whose content lies 3 pixels further along x and 2 back along y has shift (3, -2)."""
    random = np.random.default_rng(1)
    scene = random.standard_normal((300, 300))
    scene = np.fft.ifft2(np.fft.fft2(scene) * (np.abs(np.fft.fftfreq(300)) < 0.1)).real

    class Frames:
        shape = (2, 256, 256)

        def frame(self, index: int) -> NDArray[np.float32]:
            top, left = (20, 20) if index == 0 else (22, 17)
            noise = 0.1 * np.random.default_rng(index).standard_normal((256, 256))
            return (scene[top : top + 256, left : left + 256] + noise).astype(np.float32)

    found = estimate_motion(Frames(), 3.0, WHOLE)
    assert found.model.global_shifts_px == pytest.approx(
        np.array([[0.0, 0.0], [3.0, -2.0]]), abs=0.1
    )


def test_the_uncertainty_is_about_the_error(small: SimulatedMovie) -> None:
    """The expected error along an axis is within a factor of 2.5 of the real one."""
    found = estimate_motion(MovieFrames(small), 1.5, WHOLE)
    error = motion_error_angstrom(found.model, small) / np.sqrt(2.0)
    assert error / 2.5 < found.uncertainty_angstrom < error * 2.5


def test_what_the_camera_has_does_not_hold_the_frames(small: SimulatedMovie) -> None:
    """Hot pixels that nobody repaired, not-a-numbers and a bad column leave the result alone."""

    def spoil(index: int, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        frame[::37, ::41] = 1000.0
        frame[5::97, 3::89] = np.nan
        frame[:, 100] = 50.0
        return frame

    clean = estimate_motion(MovieFrames(small), 1.5, WHOLE)
    spoilt = estimate_motion(MovieFrames(small, spoil), 1.5, WHOLE)
    error = motion_error_angstrom(clean.model, small)
    assert motion_error_angstrom(spoilt.model, small) < 2.0 * error + 0.1


def test_an_empty_frame_follows_its_neighbours(small: SimulatedMovie) -> None:
    """A frame of zeros, of a constant or of not-a-numbers is named and does not disturb others."""

    def blank(index: int, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        values = {2: 0.0, 5: 7.5, 6: np.nan}
        return np.full_like(frame, values[index]) if index in values else frame

    found = estimate_motion(MovieFrames(small, blank), 1.5)
    assert found.empty_frames == (2, 5, 6)
    assert np.isfinite(found.model.global_shifts_px).all()
    assert motion_error_angstrom(found.model, small) < 1.5


@pytest.mark.parametrize(
    "mishap", [{"jump_angstrom": 6.0}, {"burst_angstrom": 8.0}, {"gain_error": 0.01}]
)
def test_mishaps_are_followed(mishap: dict[str, float]) -> None:
    """A jump, a burst of motion and a gain that is wrong by 1 % leave the error below 0.5 Å."""
    settings = SimulationSettings(
        rows=384, columns=512, frames=16, dose_per_frame=2.0, local_motion_angstrom=0.0
    )
    movie = simulate_movie(replace(settings, **mishap), 73)  # type: ignore[arg-type]  # of floats
    found = estimate_motion(MovieFrames(movie), 1.5, WHOLE)
    assert motion_error_angstrom(found.model, movie) < 0.5
    assert np.isfinite(found.uncertainty_angstrom)


def test_a_film_that_stretches_at_once_is_followed() -> None:
    """What a burst stretches is found besides the polynomial, and with it the error is smaller."""
    settings = SimulationSettings(frames=24, dose_per_frame=1.0, burst_angstrom=12.0)
    movie = simulate_movie(settings, 75)
    found = estimate_motion(MovieFrames(movie), 1.5).model
    assert found.early_px is not None
    polynomial = replace(found, early_px=None)
    with_it, without = (motion_error_angstrom(model, movie) for model in (found, polynomial))
    assert with_it < min(0.9 * without, 0.35)
    assert found.frame_coefficients_px(3) == pytest.approx(
        polynomial.frame_coefficients_px(3) + found.early_px[3]
    )


def test_a_film_that_bends_slowly_needs_the_polynomial_alone(movie: SimulatedMovie) -> None:
    """Where there was no burst, the motion is of RELION's form."""
    assert estimate_motion(MovieFrames(movie), 1.5).model.early_px is None


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_are_enough(small: SimulatedMovie, frames: int) -> None:
    """Movies of one, two and three frames are aligned as far as that can be."""
    settings = replace(small.settings, frames=frames)
    short = SimulatedMovie(
        settings, small.frames[:frames], small.camera,
        MotionModel(settings.shape, small.motion.global_shifts_px[:frames]),
        small.particle_centres_px,
    )  # fmt: skip
    found = estimate_motion(MovieFrames(short), 1.5)
    assert found.model.frames == frames
    assert motion_error_angstrom(found.model, short) < 1.0


def test_nothing_but_noise_is_called_so() -> None:
    """Frames that have nothing in common are left where they are, and said to be uncertain."""

    class Noise:
        shape = (6, 200, 264)

        def frame(self, index: int) -> NDArray[np.float32]:
            counts = np.random.default_rng(index).poisson(2.0, (200, 264))
            return counts.astype(np.float32)

    found = estimate_motion(Noise(), 1.2)
    assert not found.model.global_shifts_px.any()
    assert found.model.coefficients_px is None
    assert found.uncertainty_angstrom == np.inf


def test_statistics_of_a_known_path() -> None:
    """Path, range, longest step and the split at 4 e/Å² of a path that can be followed by hand."""
    shifts = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [0.0, 1.0]])
    model = MotionModel((100, 100), shifts)
    drift = drift_statistics(model, 2.0, dose_per_frame=1.5)
    assert drift.path == pytest.approx(22.0)
    assert drift.early == pytest.approx(10.0)
    assert drift.late == pytest.approx(12.0)
    assert drift.extent == pytest.approx(2.0 * np.hypot(3.0, 5.0))
    assert drift.longest_step == pytest.approx(10.0)
    assert drift.local == 0.0
    assert drift_statistics(model, 2.0, None).early is None


def test_what_frames_have_in_common_is_brought_out() -> None:
    """Where signal comes and goes from ring to ring, as Thon rings do, factors follow it."""
    shape = (256, 256)
    geometry = make_geometry(shape, (2.0, 2.0), 300.0)
    frequency = ring_frequencies(geometry)
    signal = np.exp(-20.0 * frequency) * np.sin(np.pi * 300.0 * frequency**2) ** 2
    lags = chosen_lags(16)
    sums = np.array([signal + (lag == 0) for lag in lags]) * geometry.ring_counts
    pairs = 16.0 - np.array(lags)
    weights = estimate_weights(geometry, sums * pairs[:, None], lags, np.ones(16), 1)
    factors = emphasis(geometry, weights)
    rings = np.bincount(geometry.rings.ravel(), factors.ravel()) / np.bincount(
        geometry.rings.ravel()
    )
    used = (frequency > 0.05) & (frequency < 0.12)
    assert np.corrcoef(rings[used], signal[used] / np.exp(-20.0 * frequency[used]))[0, 1] > 0.9
    assert 0.8 < float(np.mean(rings[used] ** 2)) < 1.2
