"""Motion of a simulated specimen that no low polynomial follows.

* Wandering: a Gaussian process, as RELION's Bayesian polishing assumes it (Zivanov et al., IUCrJ
  6:5 (2019); its defaults: velocities of 0.2 Å for each e/Å² along each axis, alike over 5,000 Å by
  exp(-distance / length), an acceleration so free that velocities are new in every frame).
* A burst: the first electrons release the stress of freezing; the film drums, which moves it as a
  whole and stretches it about the frame's centre. It fades with dose (Brilot et al., J. Struct.
  Biol. 177:630 (2012); Zheng et al., Nature Methods 14:331 (2017)).
* A jump of the stage between two frames.
"""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate_motion import NODES, SimulatedMotion

_STRETCH_OF_BURST = 0.3
"""Of the burst's displacement: that of the film's stretching at the middle of an edge."""


@dataclass(frozen=True, slots=True)
class Wandering:
    """What disturbs a smooth motion; zeros disturb nothing.

    Attributes:
        velocity_px: Deviation of a frame's step along an axis, pixels.
        length_px: Over such distances steps are alike, pixels.
        burst_px: How far the burst moves the frame, after all of it, pixels.
        burst_frames: Frames after which the burst has faded to 1 / e.
        jump_px: The jump's length, pixels.
    """

    velocity_px: float = 0.0
    length_px: float = 1.0
    burst_px: float = 0.0
    burst_frames: float = 1.0
    jump_px: float = 0.0


def disturb(smooth: MotionModel, wandering: Wandering, seed: int) -> SimulatedMotion:
    """Add what is asked for to a smooth motion.

    Args:
        smooth: What there is already.
        wandering: What to add.
        seed: Integer; each part of it is decided apart.
    """
    frames = smooth.frames
    nodes = _wander(smooth.shape, frames, wandering, np.random.default_rng([seed, 8]))
    whole = nodes[:, :, 1:-1, 1:-1].mean(axis=(2, 3))
    nodes -= whole[:, :, None, None]
    shifts = smooth.global_shifts_px + whole
    blurs = np.gradient(shifts, axis=0) if frames > 1 else np.zeros((1, 2))
    burst = wandering.burst_px * _direction([seed, 9])
    moved, moving = _burst(frames, wandering.burst_frames)
    shifts += moved[:, None] * burst + _jump(frames, wandering.jump_px, seed)
    nodes += wandering.burst_px * moved[:, None, None, None] * _stretching()
    model = MotionModel(smooth.shape, shifts, smooth.coefficients_px)
    return SimulatedMotion(model, blurs + moving[:, None] * burst, nodes if nodes.any() else None)


def _wander(
    shape: tuple[int, int], frames: int, wandering: Wandering, random: np.random.Generator
) -> FloatArray:
    """Return ``(frames, 2, NODES, NODES)``: steps of a Gaussian process, summed up."""
    if wandering.velocity_px <= 0.0:
        return np.zeros((frames, 2, NODES, NODES))
    places = (np.arange(NODES) - 1.0) / (NODES - 3)
    grid_y, grid_x = np.meshgrid(places * shape[0], places * shape[1], indexing="ij")
    y, x = grid_y.ravel(), grid_x.ravel()
    apart = np.hypot(y[:, None] - y, x[:, None] - x)
    root = np.linalg.cholesky(np.exp(-apart / wandering.length_px) + 1e-9 * np.eye(y.size))
    steps = wandering.velocity_px * random.standard_normal((frames, 2, y.size)) @ root.T
    steps[0] = 0.0
    result: FloatArray = np.cumsum(steps, axis=0).reshape(frames, 2, NODES, NODES)
    return result


def _burst(frames: int, fading_frames: float) -> tuple[FloatArray, FloatArray]:
    """Return how far the burst has got, as the mean of each frame's time, and in each frame.

    Against the first frame: 0 there. Content blurred over a frame's time is seen at that mean.
    """
    starts = np.exp(-np.arange(frames + 1.0) / fading_frames)
    moving = starts[:-1] - starts[1:]
    return fading_frames * (moving[0] - moving), moving


def _stretching() -> FloatArray:
    """Return ``(2, NODES, NODES)``: away from the frame's centre, 1 at the middle of an edge."""
    places = 2.0 * (np.arange(NODES) - 1.0) / (NODES - 3) - 1.0
    y, x = np.meshgrid(places, places, indexing="ij")
    return _STRETCH_OF_BURST * np.stack([x, y])


def _jump(frames: int, length: float, seed: int) -> FloatArray:
    """Return ``(frames, 2)``: none before a frame of the middle third, all from it on."""
    place = int(np.random.default_rng([seed, 10]).integers(frames // 3, max(2 * frames // 3, 1)))
    jumped = np.arange(frames) >= max(place, 1)
    return length * jumped[:, None] * _direction([seed, 11])


def _direction(seed: list[int]) -> FloatArray:
    angle = np.random.default_rng(seed).uniform(0.0, 2.0 * math.pi)
    return np.array([math.cos(angle), math.sin(angle)])
