"""What the page of an image draws, read from the products that scripts have recorded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cryobatch.errors import CryobatchError
from cryobatch.formats.motion_star import MotionFile, read_motion
from cryobatch.formats.movie import open_movie
from cryobatch.formats.star import read_star
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.model.image import ImageRecord
from cryobatch.web.api.pictures import Kind, choose_file, find_pixels, find_product
from cryobatch.web.pictures import SIZES, identify

FIELD = 5
"""Local motion is shown at so many places along each axis."""
_CURVE = {"frequency": "SpatialFrequency", "average": "EquiPhaseAverage", "fit": "CtfFit",
          "correlation": "FitCorrelation"}  # fmt: skip


def read_drawn(folder: Path, record: ImageRecord) -> dict[str, object]:
    """Return micrograph, spectrum, picks, motion and curve for JSON.

    A part whose file cannot be read is None, and ``problems`` says why.
    """
    problems: list[str] = []

    def attempt(read: Callable[[], object]) -> object:
        try:
            return read()
        except CryobatchError as error:
            problems.append(str(error))
            return None

    parts = {
        "micrograph": attempt(lambda: _micrograph(folder, record)),
        "spectrum": attempt(lambda: _picture(folder, record, "spectrum")),
        "picks": attempt(lambda: _picks(folder, record)),
        "motion": attempt(lambda: _motion(folder, record)),
        "curve": attempt(lambda: _curve(folder, record)),
    }
    return {**parts, "problems": problems}


def _picture(folder: Path, record: ImageRecord, kind: Kind) -> dict[str, object] | None:
    path, _ = choose_file(folder, record, kind, SIZES[-1])
    if path is None:
        return None
    moment, length = identify(path)
    return {"version": f"{moment:x}-{length:x}"}


def _micrograph(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    found = _picture(folder, record, "micrograph")
    if found is None:
        return None
    path = find_pixels(folder, record, "micrograph")
    rows, columns = record.image.rows, record.image.columns
    pixel_size = record.number("micrograph_pixel_size") or record.fact("pixel_size")
    if path is not None:
        with open_movie(path) as movie:
            rows, columns = movie.shape[1:]
    return {**found, "rows": rows, "columns": columns, "pixel_size_angstrom": pixel_size}


def _picks(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    path = find_product(folder, record, "particles")
    if path is None:
        return None
    blocks = read_star(path)
    table = next((block for block in blocks.values() if "rlnCoordinateX" in block), None)
    x, y = ([], []) if table is None else (
        table.floats("rlnCoordinateX").tolist(), table.floats("rlnCoordinateY").tolist()
    )  # fmt: skip
    return {"x": x, "y": y, "diameter_angstrom": record.number("particle_diameter")}


def _motion(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    path = find_product(folder, record, "motion")
    if path is None:
        return None
    motion = read_motion(path)
    track = motion.global_shifts_px * motion.pixel_size_angstrom
    return {
        "x_angstrom": track[:, 0].tolist(),
        "y_angstrom": track[:, 1].tolist(),
        "first_frame": motion.start_frame,
        "uncertainty_angstrom": record.number("drift_uncertainty"),
        "local": None if motion.coefficients_px is None else _field(motion),
    }


def _field(motion: MotionFile) -> dict[str, list[object]]:
    """Return the motion of the content, global and local, at the places of a regular field.

    ``x`` and ``y`` are the places in pixels of the micrograph; ``x_angstrom`` and ``y_angstrom``
    have a track for each of them.
    """
    shape = motion.shape[1:]
    ys, xs = ((np.arange(FIELD) + 0.5) * length / FIELD - 0.5 for length in shape)
    y, x = (axis.ravel() for axis in np.meshgrid(ys, xs, indexing="ij"))
    model = MotionModel(shape, motion.global_shifts_px, motion.coefficients_px, motion.early_px)
    tracks = np.round(model.shifts_px(x, y) * motion.pixel_size_angstrom, 3)
    return {
        "x": ((x + 0.5) / motion.binning - 0.5).tolist(),
        "y": ((y + 0.5) / motion.binning - 0.5).tolist(),
        "x_angstrom": tracks[..., 0].T.tolist(),
        "y_angstrom": tracks[..., 1].T.tolist(),
    }


def _curve(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    path = find_product(folder, record, "ctf_curve")
    if path is None:
        return None
    table = read_star(path).get("ctf_curve")
    if table is None or "cryobatchSpatialFrequency" not in table:
        return None
    return {
        short: table.floats(f"cryobatch{label}").tolist()
        for short, label in _CURVE.items()
        if f"cryobatch{label}" in table
    }
