"""Results of an image as the scripts leave them: real files of every kind that a page shows."""

from dataclasses import replace

import numpy as np

from cryobatch.formats.motion_star import MotionFile, write_motion
from cryobatch.formats.mrc import write_image
from cryobatch.formats.star import StarTable, write_star
from cryobatch.model import RunRecord
from cryobatch.model.value import Absent, Result
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project

ROWS, COLUMNS = 300, 400
FRAMES = 8
BENDING_PX = 0.5
PICKS = ((100.0, 40.0), (250.0, 200.0))
_PRODUCTS = {"micrograph": "micrograph.mrc", "motion": "motion.star",
             "particles": "particles.star", "power_spectrum": "power_spectrum.mrc",
             "ctf_curve": "ctf_curve.star"}  # fmt: skip


def add_products(project: Project, image_id: int) -> None:
    """Give an image a micrograph, picks, a track, a spectrum with its curve, and a log."""
    folder = project.images.folder(image_id)
    noise = np.random.default_rng(image_id)
    pixels = noise.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    write_image(folder / "micrograph.mrc", pixels, 1.5)
    write_image(folder / "power_spectrum.mrc", np.abs(pixels[:256, :256]) + 1.0, 1.5)
    x, y = zip(*PICKS, strict=True)
    write_star(folder / "particles.star", {
        "particles": StarTable({"rlnCoordinateX": list(x), "rlnCoordinateY": list(y)})
    })  # fmt: skip
    frequency = [float(one) for one in np.arange(128) / (256 * 1.5)]
    wave = [float(one) for one in np.abs(np.sin(np.arange(128) / 5.0))]
    write_star(folder / "ctf_curve.star", {"ctf_curve": StarTable({
        "cryobatchSpatialFrequency": frequency, "cryobatchEquiPhaseAverage": wave,
        "cryobatchCtfFit": wave, "cryobatchFitCorrelation": wave,
    })})  # fmt: skip
    _write_motion(project, image_id)
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / "weigh.log").write_text("weighing <b>all</b>\n")
    run = RunRecord(
        version="7", fingerprint="g", parameters={"patches": 5}, tools={"numpy": "2"},
        host="microscope-room", processor="local-2", batch=4, started_at="2026-01-01T00:01:00Z",
        seconds=4.5, memory_bytes=300_000_000, products=_PRODUCTS,
    )  # fmt: skip
    record = read_record(folder)
    values: dict[str, Result] = {
        "defocus_v": 14_000.0,
        "defocus_angle": 30.0,
        "phase_shift": Absent("not searched"),
        "particle_diameter": 60.0,
        "drift_uncertainty": 0.2,
    }
    write_record(folder, replace(
        record, runs={**record.runs, "measure_all": run},
        values={**record.values, "measure_all": values},
    ))  # fmt: skip
    project.images.index([image_id])


def _write_motion(project: Project, image_id: int) -> None:
    shifts = np.column_stack([np.linspace(0, 2, FRAMES), np.linspace(0, -1, FRAMES)])
    bending = np.zeros((2, 18))
    bending[0, 3] = BENDING_PX  # along x, growing with x from the middle and with time
    write_motion(project.images.folder(image_id) / "motion.star", MotionFile(
        movie="movie.tiff", shape=(FRAMES, ROWS, COLUMNS), pixel_size_angstrom=1.5, binning=1.0,
        global_shifts_px=shifts, coefficients_px=bending, hot_pixels=np.zeros((0, 2)),
        local_shifts_px=np.zeros((0, 5)),
    ))  # fmt: skip
