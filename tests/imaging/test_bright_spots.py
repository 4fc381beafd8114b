"""Gold beads do not lead the estimate of motion, and nothing else is kept from it."""

from dataclasses import replace

import numpy as np
import pytest

from cryobatch.imaging.bright_spots import blank_bright_spots, is_too_much
from cryobatch.imaging.motion import estimate_motion
from cryobatch.imaging.motion_frames import CoarseFrames, read_coarse
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie
from tests.imaging.movies import MovieFrames, motion_error_angstrom

PLAIN = SimulationSettings(
    rows=768, columns=896, frames=10, dose_per_frame=3.0, local_motion_angstrom=0.0,
    gold_sliding_angstrom=10.0,
)  # fmt: skip


def _simulated(gold_count: int) -> SimulatedMovie:
    return simulate_movie(replace(PLAIN, gold_count=gold_count), 81)


def _coarse(movie: SimulatedMovie) -> CoarseFrames:
    return read_coarse(MovieFrames(movie), movie.settings.pixel_size_angstrom, 2.5, 1)


def test_sliding_gold_is_not_followed() -> None:
    """With two beads that slide 10 Å over the specimen, motion is found as without them."""
    plain, gold = _simulated(0), _simulated(2)
    error = motion_error_angstrom(estimate_motion(MovieFrames(plain), 1.5).model, plain)
    found = estimate_motion(MovieFrames(gold), 1.5)
    assert motion_error_angstrom(found.model, gold) < 1.5 * error
    assert 0.0 < found.bright_part < 0.3


def test_only_the_beads_and_their_surroundings_are_replaced() -> None:
    """Most pixels stay as they are, and where beads were nothing stands out any more."""
    frames = _coarse(_simulated(2))
    before = frames.image(3)
    part = blank_bright_spots(frames, 1)
    after = frames.image(3)
    changed = np.abs(after - before - np.median(after - before)) > 1e-3 * before.std()
    assert 0.5 * part < changed.mean() < 1.5 * part
    assert blank_bright_spots(frames, 1) == 0.0


@pytest.mark.parametrize(
    "settings",
    [
        PLAIN,
        replace(PLAIN, contaminant_count=3),
        replace(PLAIN, ethane_count=6),
        replace(PLAIN, carbon_fraction=0.4),
        replace(PLAIN, particle_count=0),
    ],
)
def test_what_is_no_gold_stays(settings: SimulationSettings) -> None:
    """Particles, ice crystals, ethane, carbon and empty ice are what frames are aligned by."""
    frames = _coarse(simulate_movie(settings, 82))
    before = frames.spectra.copy()
    assert blank_bright_spots(frames, 1) == 0.0
    assert np.array_equal(frames.spectra, before)


def test_frames_full_of_gold_are_left_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where beads cover too much for the rest to do, they are what there is to align by."""
    monkeypatch.setattr("cryobatch.imaging.bright_spots._LARGEST_PART", 0.15)
    frames = _coarse(_simulated(20))
    before = frames.spectra.copy()
    assert is_too_much(blank_bright_spots(frames, 1))
    assert np.array_equal(frames.spectra, before)


def test_frames_without_content_have_no_spots() -> None:
    """Empty frames stay zero, beside frames with gold and alone."""
    frames = _coarse(_simulated(2))
    frames.spectra[2], frames.present[2] = 0.0, 0.0
    blank_bright_spots(frames, 2)
    assert not frames.spectra[2].any()
    frames.spectra[:], frames.present[:] = 0.0, 0.0
    assert blank_bright_spots(frames, 1) == 0.0
