"""The orientation of a gain reference: told by the counts, and no alarm where it is right."""

import itertools

import numpy as np
import pytest

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.gain_orientation import (
    ORIENTATIONS,
    GainEvidence,
    GainVerdict,
    Orientation,
    turn_further,
    weigh_gain,
)
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie, simulated_camera
from cryobatch.imaging.simulate_camera import make_camera

SQUARE, OBLONG = (256, 256), (256, 320)


def orient(reference: ImageArray, one: Orientation) -> ImageArray:
    """Return a reference turned as an orientation says."""
    return orient_reference(reference, one.rotation, one.flip)


def count(
    shape: tuple[int, int], *, seed: int, electrons: float = 40.0, spread: float = 0.05
) -> tuple[ImageArray, ImageArray]:
    """Return a camera's gain, and the raw sum of an evenly lit movie with some ice and gold."""
    camera = make_camera(shape, gain_deviation=spread, hot=20, dead=20, seed=1)
    random = np.random.default_rng(seed)
    lit = np.full(shape, electrons) * (1 + 0.2 * np.sin(np.arange(shape[1]) / 20.0))
    lit[40:60, 50:80] *= 0.2
    return camera.gain, random.poisson(lit * camera.rates).astype(np.float32)


def weigh(raw: ImageArray, gain: ImageArray) -> GainEvidence:
    """Weigh a gain against the sum of frames that were corrected by it."""
    found = weigh_gain(raw * gain, gain, corrected=True)
    assert found is not None
    return found


def test_two_orientations_come_to_one_of_eight() -> None:
    """Rotation and flip name 12, which are 8; one after the other they do what it says."""
    reference = np.random.default_rng(2).random((5, 5)).astype(np.float32)
    names = [Orientation(*one) for one in itertools.product(range(4), range(3))]
    for first, then in itertools.product(names, names):
        both = turn_further(first, then)
        assert both in ORIENTATIONS
        assert np.array_equal(orient(reference, both), orient(orient(reference, first), then))


@pytest.mark.parametrize("shape", [SQUARE, OBLONG])
def test_the_right_orientation_is_found_whatever_was_configured(shape: tuple[int, int]) -> None:
    """All eight of a square camera, and the four that an oblong one admits."""
    gain, raw = count(shape, seed=3)
    for configured in ORIENTATIONS:
        if shape[0] == shape[1] or configured.rotation % 2 == 0:
            evidence = weigh(raw, orient(gain, configured))
            right = configured == Orientation()
            assert evidence.verdict == (GainVerdict.FITS if right else GainVerdict.TURNED)
            assert turn_further(configured, evidence.best) == Orientation()


def test_a_reference_of_another_camera_is_foreign() -> None:
    """It fits in no orientation."""
    _, raw = count(SQUARE, seed=4)
    other = make_camera(SQUARE, gain_deviation=0.05, hot=0, dead=0, seed=99).gain
    assert weigh(raw, other).verdict is GainVerdict.FOREIGN


def test_frames_that_are_corrected_already_do_not_fit() -> None:
    """Their counts have no pattern left: applying the gain would bring it in."""
    gain, raw = count(SQUARE, seed=5)
    evidence = weigh_gain(raw * gain, gain, corrected=False)
    assert evidence is not None
    assert evidence.verdict is GainVerdict.FOREIGN


def test_nothing_is_said_without_a_pattern_or_without_counts() -> None:
    """A flat gain, an empty sum: no evidence; a few counts: undecided."""
    gain, raw = count(SQUARE, seed=6)
    assert weigh_gain(raw, np.ones(SQUARE, np.float32), corrected=False) is None
    assert weigh_gain(np.zeros(SQUARE, np.float32), gain, corrected=False) is None
    faint_gain, faint = count(SQUARE, seed=6, electrons=0.5, spread=0.02)
    assert weigh(faint, faint_gain).verdict is GainVerdict.UNDECIDED


def test_raw_and_corrected_sums_say_the_same() -> None:
    """Whether frames were multiplied before they were summed does not matter."""
    gain, raw = count(SQUARE, seed=7)
    of_raw = weigh_gain(raw, gain, corrected=False)
    assert of_raw is not None
    assert of_raw.fit == pytest.approx(weigh(raw, gain).fit, abs=1e-3)


def test_hundred_right_movies_give_no_alarm() -> None:
    """Dim and bright, of cameras with much and little pattern."""
    for seed in range(100):
        gain, raw = count(SQUARE, seed=seed, electrons=(5, 20, 60)[seed % 3], spread=0.06)
        assert weigh(raw, gain).verdict in {GainVerdict.FITS, GainVerdict.UNDECIDED}


def test_a_large_camera_is_judged_by_tiles_of_it() -> None:
    """Tiles are turned as the whole is: all eight are told apart, dim as the movie may be."""
    camera = make_camera((1536, 1536), gain_deviation=0.03, hot=50, dead=50, seed=8)
    raw = np.random.default_rng(8).poisson(10 * camera.rates).astype(np.float32)
    for configured in ORIENTATIONS:
        evidence = weigh(raw, orient(camera.gain, configured))
        assert turn_further(configured, evidence.best) == Orientation()
        assert (evidence.verdict is GainVerdict.FITS) == (configured == Orientation())


@pytest.mark.parametrize("shape", [SQUARE, OBLONG])
def test_simulated_movies_tell_their_gain(shape: tuple[int, int]) -> None:
    """With specimen, drift and hot pixels: right in each movie."""
    settings = SimulationSettings(
        rows=shape[0], columns=shape[1], frames=4, dose_per_frame=10.0, particle_count=6
    )
    camera = simulated_camera(settings, 5)
    for seed in (11, 12):
        movie = simulate_movie(settings, seed, camera=camera, threads=1)
        raw = movie.frames.sum(axis=0, dtype=np.float32)
        assert weigh(raw, camera.gain).verdict is GainVerdict.FITS
        wrong = weigh(raw, orient(camera.gain, Orientation(2, 0)))
        assert wrong.verdict is GainVerdict.TURNED
        assert wrong.best == Orientation(2, 0)
