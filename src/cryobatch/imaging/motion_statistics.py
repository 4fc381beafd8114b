"""Numbers that tell how much a movie moved."""

from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.motion_model import MotionModel

EARLY_DOSE = 4.0
"""e/Å²: RELION calls motion before it early."""


@dataclass(frozen=True, slots=True)
class DriftStatistics:
    """Of the whole frames' motion, Å.

    Attributes:
        path: Sum of all steps from frame to frame.
        early: Sum of the steps to frames up to number (4 - pre-exposure) / dose; None if the dose
            is unknown. RELION's rule.
        late: Sum of the other steps; None likewise.
        extent: Largest distance between two frames.
        longest_step: Largest step from frame to frame.
        local: Largest local displacement anywhere, besides the whole frames' motion.
    """

    path: float
    early: float | None
    late: float | None
    extent: float
    longest_step: float
    local: float


def drift_statistics(
    model: MotionModel,
    pixel_size_angstrom: float,
    dose_per_frame: float | None,
    pre_exposure: float = 0.0,
) -> DriftStatistics:
    """Measure a motion.

    Args:
        model: The motion, in pixels.
        pixel_size_angstrom: Å of such a pixel.
        dose_per_frame: e/Å², None if unknown.
        pre_exposure: e/Å².
    """
    shifts = model.global_shifts_px * pixel_size_angstrom
    steps = np.hypot(*np.diff(shifts, axis=0).T)
    early = late = None
    path = float(steps.sum())
    if dose_per_frame is not None:
        last = int(max(0.0, (EARLY_DOSE - pre_exposure) / dose_per_frame))
        early = float(steps[: max(last - 1, 0)].sum())
        late = path - early
    longest = float(steps.max(initial=0.0))
    local = _largest_local(model) * pixel_size_angstrom
    return DriftStatistics(path, early, late, _extent(shifts), longest, local)


def _extent(shifts: FloatArray) -> float:
    apart = shifts[:, None] - shifts[None]
    return float(np.hypot(apart[..., 0], apart[..., 1]).max(initial=0.0))


def _largest_local(model: MotionModel) -> float:
    rows, columns = model.shape
    y, x = np.mgrid[0 : rows - 1 : 9j, 0 : columns - 1 : 9j]
    local = model.local_shifts_px(x.ravel(), y.ravel())
    return float(np.hypot(local[..., 0], local[..., 1]).max(initial=0.0))
