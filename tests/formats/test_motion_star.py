"""RELION's motion file: written so that RELION reads it, read back as it was, RELION's own too."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest

from cryobatch.errors import BadInput
from cryobatch.formats.motion_star import MotionFile, read_motion, write_motion
from cryobatch.imaging.motion_model import MotionModel

SharedData = Callable[[str], Path]


def made_file(frames: int = 4) -> MotionFile:
    """Return a motion file with everything in it."""
    random = np.random.default_rng(6)
    shifts = random.standard_normal((frames, 2))
    shifts[0] = 0.0
    return MotionFile(
        movie="movies/a movie.tiff", shape=(frames, 4092, 5760), pixel_size_angstrom=0.5281,
        binning=2.0, global_shifts_px=shifts, coefficients_px=random.standard_normal((2, 18)),
        hot_pixels=np.array([[12.0, 7.0], [5759.0, 4091.0]]),
        local_shifts_px=np.array([[1.0, 100.0, 200.0, 0.5, -0.25]]), voltage_kv=300.0,
        dose_per_frame=1.25, pre_exposure=0.5, gain="gain.mrc", start_frame=3, eer_upsampling=2,
        eer_grouping=40, early_px=random.standard_normal((frames, 2, 6)),
    )  # fmt: skip


def same(one: MotionFile, other: MotionFile) -> bool:
    """Tell whether two files say the same."""
    arrays = ("global_shifts_px", "coefficients_px", "hot_pixels", "local_shifts_px", "early_px")
    alike = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    rest = {name: np.zeros(0) for name in arrays}  # arrays do not compare as dataclasses' fields do
    return alike and str(replace(one, **rest)) == str(replace(other, **rest))  # type: ignore[arg-type]  # all of them are arrays


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Every field survives, bit by bit."""
    write_motion(tmp_path / "motion.star", made_file())
    assert same(read_motion(tmp_path / "motion.star"), made_file())


def test_early_motion_belongs_to_every_frame(tmp_path: Path) -> None:
    """A file whose early motion is not that of its frames is refused."""
    write_motion(tmp_path / "motion.star", replace(made_file(), early_px=np.zeros((3, 2, 6))))
    with pytest.raises(BadInput, match="'early_motion' has 3 frames"):
        read_motion(tmp_path / "motion.star")


def test_what_is_unknown_is_left_out(tmp_path: Path) -> None:
    """Without local motion, hot pixels and dose there are no such blocks and labels."""
    bare = replace(
        made_file(), coefficients_px=None, early_px=None, hot_pixels=np.zeros((0, 2)),
        local_shifts_px=np.zeros((0, 5)), dose_per_frame=None, voltage_kv=None, gain=None,
        eer_grouping=None, eer_upsampling=None,
    )  # fmt: skip
    write_motion(tmp_path / "motion.star", bare)
    document = gemmi.cif.read_file(str(tmp_path / "motion.star"))
    assert [block.name for block in document] == ["general", "global_shift"]
    assert document[0].find_value("_rlnMotionModelVersion") == "0"
    assert document[0].find_value("_rlnMicrographDoseRate") is None
    found = read_motion(tmp_path / "motion.star")
    assert found.coefficients_px is None
    assert found.voltage_kv is None


def test_the_file_holds_corrections_not_displacements(tmp_path: Path) -> None:
    """RELION's shifts and coefficients have the opposite sign of the content's displacement."""
    motion = made_file()
    assert motion.coefficients_px is not None
    write_motion(tmp_path / "motion.star", motion)
    document = gemmi.cif.read_file(str(tmp_path / "motion.star"))
    shifts = document["global_shift"].find(["_rlnMicrographFrameNumber", "_rlnMicrographShiftX"])
    assert [int(row[0]) for row in shifts] == [3, 4, 5, 6]
    written = [float(row[1]) for row in shifts]
    assert written == pytest.approx(list(-motion.global_shifts_px[:, 0]))
    table = document["local_motion_model"].find(["_rlnMotionModelCoeff"])
    values = [float(row[0]) for row in table]
    assert values == pytest.approx(list(-motion.coefficients_px.ravel()))


def test_relions_own_files_are_read(shared_data: SharedData) -> None:
    """A file of RELION 5: its sizes, and a path as long as its summary says (19.561864 pixels)."""
    path = shared_data("beta_galactosidase/20170629_00022_frameImage.star")
    motion = read_motion(path)
    assert motion.shape == (24, 3838, 3710)
    assert motion.pixel_size_angstrom == 0.885
    assert motion.coefficients_px is not None
    steps = np.hypot(*np.diff(motion.global_shifts_px, axis=0).T)
    assert steps.sum() == pytest.approx(19.561864, abs=1e-4)
    assert len(motion.local_shifts_px) == 24 * 25


def test_the_polynomial_is_relions(shared_data: SharedData) -> None:
    """RELION's coefficients, read as ours, follow the shifts that its patches were seen to make."""
    motion = read_motion(shared_data("beta_galactosidase/20170629_00043_frameImage.star"))
    model = MotionModel(motion.shape[1:], motion.global_shifts_px, motion.coefficients_px)
    frame, x, y, *seen = motion.local_shifts_px.T
    first = frame == 1
    fitted = model.local_shifts_px(x[first], y[first])
    patches = np.stack(seen, axis=-1).reshape(-1, motion.shape[0], 2).transpose(1, 0, 2)
    # A patch's own shifts have an offset that all frames share and are noisy.
    moved = (fitted - fitted.mean(axis=0)).ravel()
    measured = (patches - patches.mean(axis=0)).ravel()
    assert np.corrcoef(moved, measured)[0, 1] > 0.7


@pytest.mark.parametrize(
    "text", ["data_general\n_rlnImageSizeX 3\n", "data_global_shift\nloop_\n_a\n1\n", "nonsense"]
)
def test_what_is_no_motion_file_is_refused(tmp_path: Path, text: str) -> None:
    """Another STAR file, or none at all, is an error that names the file; never zero motion."""
    path = tmp_path / "motion.star"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"motion\.star"):
        read_motion(path)


def test_relion_reads_the_file(tmp_path: Path) -> None:
    """A program of RELION's takes the file as its own."""
    tool = shutil.which("relion_star_printtable")
    if tool is None:
        pytest.skip("relion_star_printtable is not installed")
    write_motion(tmp_path / "motion.star", made_file())
    command = [tool, str(tmp_path / "motion.star"), "data_global_shift", "rlnMicrographShiftX"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    printed = [float(line) for line in done.stdout.split()]
    assert printed == pytest.approx(list(-made_file().global_shifts_px[:, 0]), abs=1e-5)
