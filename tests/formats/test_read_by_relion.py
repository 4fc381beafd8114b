"""RELION's own programs read the STAR files that we write."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cryobatch.formats.motion_star import MotionFile, write_motion
from cryobatch.formats.star import StarTable, write_star

NeedsProgram = Callable[[str, str], str]


def print_table(program: str, path: Path, table: str, *labels: str) -> list[list[float]]:
    """Return columns of a table as RELION reads them."""
    printed = subprocess.run(
        [program, str(path), table, *labels], capture_output=True, text=True, check=True
    ).stdout
    return [[float(cell) for cell in line.split()] for line in printed.splitlines() if line.strip()]


def test_motion_file(tmp_path: Path, needs_program: NeedsProgram) -> None:
    """Whole-frame shifts, numbered from 1, and all 36 coefficients of the local model arrive."""
    program = needs_program("relion_star_printtable", "relion")
    shifts = np.array([[0.0, 0.0], [1.5, -0.25], [2.0, -0.5]])
    coefficients = np.arange(36, dtype=np.float64).reshape(2, 18) / 8
    motion = MotionFile(
        movie="movies/with space.tiff",
        shape=(3, 64, 96),
        pixel_size_angstrom=0.83,
        binning=1.0,
        global_shifts_px=shifts,
        coefficients_px=coefficients,
        hot_pixels=np.array([[3.0, 5.0]]),
        local_shifts_px=np.zeros((0, 5)),
        early_px=np.ones((3, 2, 6)),
    )
    write_motion(tmp_path / "motion.star", motion)
    found = print_table(
        program, tmp_path / "motion.star", "data_global_shift", "rlnMicrographFrameNumber",
        "rlnMicrographShiftX", "rlnMicrographShiftY",
    )  # fmt: skip
    assert [row[0] for row in found] == [1, 2, 3]
    # RELION keeps what has to be added to a frame's coordinates: the negative displacement.
    np.testing.assert_allclose([row[1:] for row in found], -shifts, atol=1e-6)
    model = print_table(
        program, tmp_path / "motion.star", "data_local_motion_model", "rlnMotionModelCoeffsIdx",
        "rlnMotionModelCoeff",
    )  # fmt: skip
    np.testing.assert_allclose([row[1] for row in model], -coefficients.ravel(), atol=1e-6)


def test_coordinates(tmp_path: Path, needs_program: NeedsProgram) -> None:
    """Coordinates of picks arrive as they are."""
    program = needs_program("relion_star_printtable", "relion")
    table = StarTable({"rlnCoordinateX": [1.25, 100.5], "rlnCoordinateY": [7.0, 0.125]})
    write_star(tmp_path / "particles.star", {"particles": table})
    found = print_table(
        program, tmp_path / "particles.star", "data_particles", "rlnCoordinateX", "rlnCoordinateY"
    )
    assert found == [[1.25, 7.0], [100.5, 0.125]]
