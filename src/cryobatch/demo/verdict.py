"""The verdict: what was found, against what is true."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cryobatch.demo.truth import Truth
from cryobatch.errors import CryobatchError
from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.star import read_star
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.model.image import ImageRecord

Points = NDArray[np.float64]

FIELD = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Places, as parts of the frame's width and height, where motion is compared."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is good enough.

    Args:
        drift_angstrom: Error of the motion, rms over frames and a 5x5 field.
        defocus_angstrom: Error of the mean defocus.
        astigmatism_angstrom: Length of the difference of the astigmatism vectors.
        picks_f1: Harmonic mean of precision and recall.
    """

    drift_angstrom: float = 0.4
    defocus_angstrom: float = 150.0
    astigmatism_angstrom: float = 250.0
    picks_f1: float = 0.9


@dataclass(frozen=True, slots=True)
class Comparison:
    """Found against true for one image; None: nothing was found.

    Args:
        name: The image.
        drift_angstrom: Error of the motion, rms over frames and a 5x5 field.
        defocus_angstrom: Error of the mean defocus.
        astigmatism_angstrom: Length of the difference of the astigmatism vectors.
        picks_f1: Harmonic mean of precision and recall of the picks.
        good: Whether all is within tolerance.
    """

    name: str
    drift_angstrom: float | None
    defocus_angstrom: float | None
    astigmatism_angstrom: float | None
    picks_f1: float | None
    good: bool


def compare_image(
    record: ImageRecord, folder: Path, truth: Truth, tolerance: Tolerance
) -> Comparison:
    """Compare what was found of an image with what is true."""
    drift = _drift_error(folder, truth)
    defocus, astigmatism = _ctf_errors(record, truth)
    picks = _picks_f1(folder, truth)
    good = (
        _below(drift, tolerance.drift_angstrom)
        and _below(defocus, tolerance.defocus_angstrom)
        and _below(astigmatism, tolerance.astigmatism_angstrom)
        and picks is not None
        and picks >= tolerance.picks_f1
    )
    return Comparison(record.image.name, drift, defocus, astigmatism, picks, good)


def compare_motion(found: MotionModel, true: MotionModel, pixel_size_angstrom: float) -> float:
    """Return the rms error of a motion in Å over its frames and a 5x5 field.

    Where the content lies as a whole is a matter of taste: each point's mean over the frames is
    taken off.
    """
    rows, columns = true.shape
    x, y = (grid.ravel() for grid in np.meshgrid(np.array(FIELD), np.array(FIELD)))
    differences = found.shifts_px(x * columns, y * rows) - true.shifts_px(x * columns, y * rows)
    differences -= differences.mean(axis=0, keepdims=True)
    squares = (differences**2).sum(axis=-1)
    return float(np.sqrt(squares.mean()) * pixel_size_angstrom)


def score_picks(found: Points, true: Points, shape: tuple[int, int], radius_px: float) -> float:
    """Return F1 of picks, one to one within a distance.

    Args:
        found: ``(n, 2)``, x and y in pixels.
        true: ``(m, 2)``, x and y in pixels.
        shape: Rows and columns; who is cut by the border does not count on either side.
        radius_px: Radius of a particle.
    """
    found, true = (_inside(points, shape, radius_px) for points in (found, true))
    if not len(found) or not len(true):
        return float(len(found) == len(true))
    distances, nearest = cKDTree(true).query(found)
    matched: dict[int, float] = {}
    for distance, index in sorted(zip(distances, nearest, strict=True)):
        if distance <= radius_px / 2:
            matched.setdefault(int(index), float(distance))
    return 2 * len(matched) / (len(found) + len(true))


def summarise(comparisons: Mapping[str, Comparison]) -> bool:
    """Tell whether every image is within tolerance."""
    return bool(comparisons) and all(item.good for item in comparisons.values())


def _drift_error(folder: Path, truth: Truth) -> float | None:
    try:
        motion = read_motion(folder / "motion.star")
    except CryobatchError:
        return None
    _, rows, columns = motion.shape
    found = MotionModel(
        (rows, columns), motion.global_shifts_px, motion.coefficients_px, motion.early_px
    )
    return compare_motion(found, truth.motion, truth.pixel_size_angstrom)


def _ctf_errors(record: ImageRecord, truth: Truth) -> tuple[float | None, float | None]:
    u, v = record.number("defocus_u"), record.number("defocus_v")
    angle = record.number("defocus_angle")
    if u is None or v is None or angle is None:
        return None, None
    found = (u - v) * np.exp(2j * np.radians(angle))
    true = truth.defocus_u_angstrom - truth.defocus_v_angstrom
    difference = found - true * np.exp(2j * np.radians(truth.defocus_angle_degrees))
    return abs((u + v) / 2 - truth.mean_defocus_angstrom), float(abs(difference))


def _picks_f1(folder: Path, truth: Truth) -> float | None:
    try:
        blocks = read_star(folder / "particles.star")
    except CryobatchError:
        return None
    table = next(iter(blocks.values()))
    found = np.stack([table.floats("rlnCoordinateX"), table.floats("rlnCoordinateY")], axis=-1)
    radius = truth.particle_diameter_angstrom / truth.pixel_size_angstrom / 2
    return score_picks(found, np.array(truth.particles_px).reshape(-1, 2), truth.shape, radius)


def _inside(points: Points, shape: tuple[int, int], margin_px: float) -> Points:
    rows, columns = shape
    x, y = points[:, 0], points[:, 1]
    kept = (x >= margin_px) & (y >= margin_px)
    kept &= (x < columns - margin_px) & (y < rows - margin_px)
    return points[kept]


def _below(error: float | None, limit: float) -> bool:
    return error is not None and error <= limit
