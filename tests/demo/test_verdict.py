"""The demonstration's verdict tells right from wrong."""

from datetime import UTC, datetime

import numpy as np

from cryobatch.demo.microscope import SETTINGS, describe_exposure, vary_settings
from cryobatch.demo.verdict import Comparison, compare_motion, score_picks, summarise
from cryobatch.formats.epu import parse_epu
from cryobatch.imaging.motion_model import MotionModel

SHAPE = (100, 200)


def still(frames: int = 4) -> MotionModel:
    """Return the motion of what does not move."""
    return MotionModel(SHAPE, np.zeros((frames, 2)))


def test_motion_error_is_in_angstrom_and_knows_no_origin() -> None:
    """An offset of the whole is no error; a drift of known size is one of known size."""
    offset = MotionModel(SHAPE, np.full((4, 2), 7.0))
    assert compare_motion(offset, still(), 2.0) == 0.0
    path = np.zeros((2, 2))
    path[1, 0] = 2.0  # px along x: 1 px off the mean in both frames
    assert compare_motion(MotionModel(SHAPE, path), still(2), 1.5) == 1.5


def test_local_motion_counts() -> None:
    """An error that only the local motion has is seen."""
    coefficients = np.zeros((2, 18))
    coefficients[0, 3] = 1.0  # x displacement that grows along x and with time
    local = MotionModel(SHAPE, np.zeros((4, 2)), coefficients)
    assert compare_motion(local, still(), 1.0) > 0.1


def test_picks_are_matched_one_to_one() -> None:
    """Two picks on one particle are one right and one false."""
    true = np.array([[50.0, 50.0], [150.0, 50.0]])
    assert score_picks(true, true, SHAPE, 20.0) == 1.0
    double = np.array([[50.0, 50.0], [52.0, 50.0]])
    assert score_picks(double, true, SHAPE, 20.0) == 0.5
    far = np.array([[50.0, 65.0], [150.0, 50.0]])
    assert score_picks(far, true, SHAPE, 20.0) == 0.5
    assert score_picks(np.zeros((0, 2)), true, SHAPE, 20.0) == 0.0


def test_picks_at_the_border_do_not_count() -> None:
    """Who is cut by the border is right on neither side."""
    true = np.array([[50.0, 50.0]])
    found = np.array([[50.0, 50.0], [5.0, 50.0]])
    assert score_picks(found, true, SHAPE, 20.0) == 1.0


def test_nothing_found_is_not_good() -> None:
    """No image at all, or one out of tolerance, is no success."""
    good = Comparison("a", 0.1, 1.0, 1.0, 1.0, good=True)
    bad = Comparison("b", None, None, None, None, good=False)
    assert summarise({"a": good})
    assert not summarise({})
    assert not summarise({"a": good, "b": bad})


def test_microscope_writes_epu_metadata() -> None:
    """The XML says what was simulated, as EPU says it."""
    settings = vary_settings(3, seed=1)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    exposure = parse_epu(describe_exposure(settings, moment, 3), "made")
    assert exposure.pixel_size_at(SETTINGS.columns) == SETTINGS.pixel_size_angstrom
    assert exposure.facts["voltage"] == SETTINGS.voltage_kv
    total = SETTINGS.dose_per_frame * SETTINGS.frames
    assert abs(float(exposure.facts["total_dose"]) - total) < 1e-6
    mean = (settings.defocus_u_angstrom + settings.defocus_v_angstrom) / 2
    assert abs(float(exposure.facts["defocus_set"]) - mean) < 1e-3
