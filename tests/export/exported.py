"""Images to export: a picture with marked particles, a fit, a motion file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryobatch.formats.motion_star import MotionFile, write_motion
from cryobatch.formats.mrc import write_image
from cryobatch.formats.star import StarTable, write_star
from cryobatch.model import Fact, RunRecord
from cryobatch.model.image import FactValue
from cryobatch.model.value import Absent, Result
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project

NeedsProgram = Callable[[str, str], str]
ROWS, COLUMNS = 96, 128
PIXEL_SIZE = 1.25
SPOTS = ((40, 20), (90, 70))
"""Column and row of what stands out of a micrograph."""
FACTS: Mapping[str, FactValue] = {
    "pixel_size": PIXEL_SIZE,
    "voltage": 300.0,
    "cs": 2.7,
    "amplitude_contrast": 0.1,
    "beam_shift_x": 0.5,
}
VALUES: Mapping[str, Result] = {
    "defocus_u": 15_000.0,
    "defocus_v": 14_500.0,
    "defocus_angle": 33.0,
    "phase_shift": Absent("not searched"),
    "ctf_score": 0.21,
    "ctf_resolution": 3.9,
    "ice_ring": 1.1,
    "drift_path": 12.5,
    "drift_early": 5.0,
    "drift_late": 7.5,
    "micrograph_pixel_size": PIXEL_SIZE,
}


def draw() -> NDArray[np.float32]:
    """Return a micrograph, (rows, columns) float32: dark spots, and one row brighter than all."""
    pixels = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    for column, row in SPOTS:
        pixels[row, column] = 100.0
        pixels[row + 2, column] = 50.0  # says which way is up
    return pixels


def add_results(
    project: Project,
    image_id: int,
    *,
    optics_group: int | None = None,
    facts: Mapping[str, FactValue] = FACTS,
    values: Mapping[str, Result] = VALUES,
    picks: Sequence[tuple[int, int]] = SPOTS,
) -> Path:
    """Give an image all that can be exported; returns its folder."""
    folder = project.images.folder(image_id)
    write_image(folder / "micrograph.mrc", draw(), PIXEL_SIZE)
    write_image(folder / "power_spectrum.mrc", np.ones((64, 64), dtype=np.float32), PIXEL_SIZE)
    x, y = zip(*picks, strict=True)
    write_star(folder / "particles.star", {"particles": StarTable({
        "rlnCoordinateX": [float(one) for one in x], "rlnCoordinateY": [float(one) for one in y],
        "rlnAutopickFigureOfMerit": [0.5] * len(picks),
    })})  # fmt: skip
    write_motion(folder / "motion.star", MotionFile(
        movie="/microscope/movie.tiff", shape=(8, ROWS, COLUMNS), pixel_size_angstrom=PIXEL_SIZE,
        binning=1.0, global_shifts_px=np.zeros((8, 2)), coefficients_px=None,
        hot_pixels=np.zeros((0, 2)), local_shifts_px=np.zeros((0, 5)),
    ))  # fmt: skip
    products = {"micrograph": "micrograph.mrc", "power_spectrum": "power_spectrum.mrc",
                "particles": "particles.star", "motion": "motion.star"}  # fmt: skip
    run = RunRecord(
        version="1", fingerprint="f", parameters={}, tools={}, host="here", processor="local-1",
        batch=1, started_at="2026-01-01T00:00:00Z", seconds=1.0, memory_bytes=1, products=products,
    )  # fmt: skip
    known = dict(facts) if optics_group is None else {**facts, "optics_group": optics_group}
    record = read_record(folder)
    write_record(folder, replace(
        record, acquisition={name: Fact(value, "header") for name, value in known.items()},
        runs={"do_all": run}, values={"do_all": values},
    ))  # fmt: skip
    project.images.index([image_id])
    return folder
