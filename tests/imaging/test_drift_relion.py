"""Drift correction against RELION's own, where that is installed."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.mrc import StackWriter, read_image
from cryobatch.formats.star import StarTable, write_star
from cryobatch.imaging import fourier
from cryobatch.imaging.dose import Exposure
from cryobatch.imaging.motion_model import MotionModel
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie
from cryobatch.imaging.summing import SumOptions, sum_frames
from tests.imaging.movies import MovieFrames, motion_error_angstrom

RELION = "relion_run_motioncorr"


def run_relion(folder: Path, dose_per_frame: float) -> None:
    """Let RELION correct ``movie.mrcs`` (1.5 Å, 300 kV) as a whole, weighted by dose."""
    optics = StarTable({
        "rlnOpticsGroupName": ["all"], "rlnOpticsGroup": [1],
        "rlnMicrographOriginalPixelSize": [1.5], "rlnVoltage": [300.0],
        "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1],
    })  # fmt: skip
    movies = StarTable({"rlnMicrographMovieName": ["movie.mrcs"], "rlnOpticsGroup": [1]})
    write_star(folder / "movies.star", {"optics": optics, "movies": movies})
    command = [
        RELION, "--i", "movies.star", "--o", "out/", "--use_own", "--j", "1", "--patch_x", "1",
        "--patch_y", "1", "--dose_weighting", "--dose_per_frame", str(dose_per_frame),
        "--preexposure", "1.5", "--skip_defect",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)


def test_sums_and_signs_agree_with_relion(tmp_path: Path) -> None:
    """With RELION's shifts our dose-weighted sum is RELION's micrograph, and they are the truth's.

    So the sign in the motion file, the dose after the frame and the scale of the sum are RELION's.
    """
    if shutil.which(RELION) is None:
        pytest.skip(f"{RELION} is not installed")
    settings = SimulationSettings(
        rows=512, columns=640, frames=8, dose_per_frame=4.0, local_motion_angstrom=0.0,
        hot_pixels=0, dead_pixels=0, gain_deviation=0.0,
    )  # fmt: skip
    movie = simulate_movie(settings, 21)
    frames = MovieFrames(movie)
    with StackWriter(tmp_path / "movie.mrcs", frames.shape, "float32", 1.5) as writer:
        for index in range(frames.shape[0]):
            writer.write(index, frames.frame(index))
    run_relion(tmp_path, 4.0)
    shifts = read_motion(tmp_path / "out" / "movie.star").global_shifts_px
    model = MotionModel(settings.shape, shifts)
    assert motion_error_angstrom(model, movie) < 1.5
    options = SumOptions(exposure=Exposure(4.0, 1.5, 300.0))
    ours = sum_frames(frames, model, 1.5, options).weighted
    assert ours is not None
    theirs, _ = read_image(tmp_path / "out" / "movie.mrc")
    # Beyond 0.9 Nyquist, and where nothing is known at the edges, resampling and RELION's phase
    # shifts may differ.
    smaller = fourier.cropped_shape(settings.shape, 1.1)
    ours_inside, theirs_inside = (
        fourier.crop_image(image, smaller)[16:-16, 16:-16].ravel() for image in (ours, theirs)
    )
    assert np.corrcoef(ours_inside, theirs_inside)[0, 1] > 0.998
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.002)
