"""The simulated specimen moves as its truth says, in RELION's class of motion and beyond."""

from dataclasses import replace

import numpy as np
import pytest

from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulationSettings, simulated_motion
from cryobatch.imaging.simulate_field import make_field
from cryobatch.imaging.simulate_motion import NODES, SimulatedMotion, at_rest
from cryobatch.imaging.simulate_wandering import Wandering, disturb

STILL = SimulationSettings(
    rows=256, columns=320, frames=12, drift_angstrom=0.0, local_motion_angstrom=0.0,
    jitter_angstrom=0.0,
)  # fmt: skip


def test_wandering_has_the_stated_velocity_and_length() -> None:
    """Steps spread by the velocity along each axis, and are alike by exp(-distance / length)."""
    shape = (1000, 1000)
    still = MotionModel(shape, np.zeros((1500, 2)))
    motion = disturb(still, Wandering(velocity_px=0.2, length_px=1200.0), 5)
    places = np.array([100.0, 500.0, 900.0])
    steps = np.diff(motion.shifts_px(places, np.full(3, 500.0)), axis=0)
    steps = np.concatenate([steps[..., 0], steps[..., 1]])
    assert steps.std() == pytest.approx(0.2, rel=0.06)
    alike = np.asarray(np.corrcoef(steps.T))
    assert alike[0, 1] == pytest.approx(np.exp(-400.0 / 1200.0), abs=0.07)
    assert alike[0, 2] == pytest.approx(np.exp(-800.0 / 1200.0), abs=0.07)


def test_wandering_grows_with_the_dose_of_a_frame() -> None:
    """Å for each e/Å²: three times the dose a frame is three times the step."""
    weak = replace(STILL, wandering_velocity=0.2, dose_per_frame=0.5)
    strong = replace(weak, dose_per_frame=1.5)
    one, other = (simulated_motion(settings, 4) for settings in (weak, strong))
    assert other.global_shifts_px == pytest.approx(3.0 * one.global_shifts_px)


def test_a_burst_fades_with_dose_and_stretches() -> None:
    """Each frame moves 1 / e of the one before at 1 e/Å² a frame; an edge moves off the centre."""
    motion = simulated_motion(replace(STILL, burst_angstrom=9.0, dose_per_frame=1.0), 8)
    steps = np.hypot(*np.diff(motion.global_shifts_px * 1.5, axis=0).T)
    assert steps[1:6] / steps[:5] == pytest.approx(np.full(5, np.exp(-1.0)))
    assert np.hypot(*motion.blurs_px[0]) * 1.5 == pytest.approx(9.0 * (1.0 - np.exp(-1.0)))
    assert steps.sum() == pytest.approx(9.0 * (1.0 - np.exp(-1.0)), rel=1e-3)
    sides = motion.local_shifts_px(np.array([80.0, 240.0]), np.array([128.0, 128.0]))[-1]
    assert sides[1, 0] - sides[0, 0] == pytest.approx(0.3 * 6.0 * (1.0 - np.exp(-1.0)), rel=1e-3)


def test_a_jump_is_one_step_and_blurs_nothing() -> None:
    """One step has the asked length, all others none, and no frame is blurred."""
    motion = simulated_motion(replace(STILL, jump_angstrom=6.0), 3)
    steps = np.hypot(*np.diff(motion.global_shifts_px * 1.5, axis=0).T)
    assert sorted(steps)[-2:] == pytest.approx([0.0, 6.0])
    assert 4 <= int(steps.argmax()) + 1 <= 8
    assert not motion.blurs_px.any()


def test_nothing_asked_for_is_the_polynomial_alone() -> None:
    """Without disturbance the motion is of RELION's class."""
    motion = simulated_motion(SimulationSettings(frames=6), 3)
    assert motion.nodes_px is None
    assert motion.coefficients_px is not None


def test_the_content_is_where_the_truth_says() -> None:
    """Content is displaced by what shifts_px says, by shifts and by nodes alike."""
    settings = replace(STILL, frames=1)
    x, y = np.array([30.0, 200.0]), np.array([40.0, 180.0])
    nodes = np.zeros((1, 2, NODES, NODES))
    nodes[:, 0], nodes[:, 1] = 3.0, -2.0
    by_nodes = SimulatedMotion(
        MotionModel(settings.shape, np.zeros((1, 2))), np.zeros((1, 2)), nodes
    )
    by_shift = SimulatedMotion(
        MotionModel(settings.shape, np.array([[3.0, -2.0]])), np.zeros((1, 2))
    )
    assert by_nodes.shifts_px(x, y) == pytest.approx(by_shift.shifts_px(x, y))
    rest = at_rest(settings.shape)
    field = make_field(settings, rest, 6, 1)
    contrast = field.frame_contrast(0, rest)
    still, first, second = (field.resample(contrast, m, 0) for m in (rest, by_nodes, by_shift))
    assert first == pytest.approx(second, abs=1e-4)
    flat = field.illumination
    assert (second / flat)[20:200, 20:280] == pytest.approx(
        (still / flat)[22:202, 17:277], abs=1e-4
    )
