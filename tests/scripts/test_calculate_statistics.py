"""The script that measures, grades and pictures images, from file to file."""

from collections.abc import Mapping
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import write_image
from cryobatch.formats.star import StarTable, write_star
from cryobatch.model import Absent, Run
from cryobatch.model.declaration import declared_script
from cryobatch.scripts.calculate_statistics import calculate_statistics


def make_run(
    folder: Path,
    inputs: Mapping[str, Path],
    usual_intensity: float | None = None,
    **reads: float | str | None,
) -> Run:
    """Return a run of the script on files."""
    declared = declared_script(calculate_statistics)
    assert declared is not None
    known = {read.name: None for read in declared.reads}
    return Run(
        workspace=folder,
        inputs=inputs,
        outputs={name: folder / output.file for name, output in declared.outputs.items()},
        reads={**known, "pixel_size": 1.0, **reads},
        medians={} if usual_intensity is None else {"mean_intensity": usual_intensity},
    )


def checked(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return what a script gave, after the checks that its declaration asks for."""
    declared = declared_script(calculate_statistics)
    assert declared is not None
    assert set(values) == set(declared.values)
    return {name: declared.values[name].check(value, name) for name, value in values.items()}


@pytest.fixture
def micrograph(tmp_path: Path) -> Path:
    """Return a micrograph of noise around 100."""
    noise = np.random.default_rng(0).standard_normal((400, 500)).astype(np.float32)
    write_image(tmp_path / "micrograph.mrc", 100.0 + 5.0 * noise, 1.0)
    return tmp_path / "micrograph.mrc"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Return a table of frames of 1.2 counts a pixel of 1 Å."""
    columns: dict[str, list[float]] = {
        "cryobatchFrameNumber": [1, 2, 3, 4],
        "cryobatchMean": [1.1, 1.2, 1.2, 1.3],
        "cryobatchDeviation": [1.0, 1.0, 1.0, 1.0],
        "cryobatchMinimum": [0.0] * 4,
        "cryobatchMaximum": [9.0] * 4,
    }
    write_star(tmp_path / "frames.star", {"frames": StarTable(columns)})
    return tmp_path / "frames.star"


def test_a_sum_is_measured_by_its_own_pixels(tmp_path: Path, micrograph: Path) -> None:
    """Without frames: mean and deviation of the micrograph, and no dose, for a reason."""
    values = checked(calculate_statistics(make_run(tmp_path, {"micrograph": micrograph})))
    assert values["mean_intensity"] == pytest.approx(100.0, abs=0.1)
    assert values["intensity_deviation"] == pytest.approx(5.0, abs=0.1)
    assert isinstance(values["measured_dose"], Absent)
    assert isinstance(values["dose_disagreement"], Absent)
    assert (values["quality"], values["quality_reasons"]) == ("green", "")


def test_a_movie_is_measured_by_its_frames(tmp_path: Path, micrograph: Path, frames: Path) -> None:
    """With frames: counts of a frame, its dose, and how that compares with the stated one."""
    inputs = {"micrograph": micrograph, "frames": frames}
    values = checked(calculate_statistics(make_run(tmp_path, inputs, dose_per_frame=1.5)))
    assert values["mean_intensity"] == pytest.approx(1.2)
    assert values["intensity_deviation"] == pytest.approx(1.0)
    assert values["measured_dose"] == pytest.approx(1.2)
    assert values["dose_disagreement"] == pytest.approx(-20.0)
    assert values["quality"] == "green"


def test_the_table_of_frames_knows_its_own_pixel_and_dose(tmp_path: Path, micrograph: Path) -> None:
    """A stack with finer pixels and grouped frames is measured by what its table says."""
    blocks = {
        "general": StarTable(
            {"rlnMicrographOriginalPixelSize": [0.5], "rlnMicrographDoseRate": [2.0]},
            is_list=True,
        ),
        "frames": StarTable({"cryobatchMean": [0.5], "cryobatchDeviation": [0.7]}),
    }
    write_star(tmp_path / "frames.star", blocks)
    inputs = {"micrograph": micrograph, "frames": tmp_path / "frames.star"}
    values = checked(calculate_statistics(make_run(tmp_path, inputs, dose_per_frame=0.1)))
    assert values["measured_dose"] == pytest.approx(2.0)
    assert values["dose_disagreement"] == pytest.approx(0.0)


def test_a_wrong_dose_shows(tmp_path: Path, micrograph: Path, frames: Path) -> None:
    """A stated dose that is twice the measured one is said, and the limit is a parameter."""
    inputs = {"micrograph": micrograph, "frames": frames}
    run = make_run(tmp_path, inputs, dose_per_frame=2.4)
    values = calculate_statistics(run)
    assert values["quality"] == "amber"
    assert values["quality_reasons"] == "dose -50 % off what was stated"
    assert calculate_statistics(run, dose_disagreement=60.0)["quality"] == "green"


def test_a_short_movie_is_amber(tmp_path: Path, micrograph: Path) -> None:
    """A movie with fewer frames than it should have is flagged, one with all or more is not."""
    for frames, quality in ((46, "amber"), (50, "green"), (51, "green")):
        run = make_run(tmp_path, {"micrograph": micrograph}, frames=frames, frames_expected=50)
        values = calculate_statistics(run)
        assert values["quality"] == quality
        assert values["quality_reasons"] == ("short: 46 of 50 frames" if frames == 46 else "")


def test_a_dark_image_is_known_by_its_group(tmp_path: Path, micrograph: Path) -> None:
    """An image under a tenth of the recent median is red."""
    run = make_run(tmp_path, {"micrograph": micrograph}, usual_intensity=5000.0)
    values = calculate_statistics(run)
    assert values["quality"] == "red"
    assert values["quality_reasons"] == "dark: 2.0 % of the usual intensity"


def test_values_of_other_scripts_are_graded(tmp_path: Path, micrograph: Path) -> None:
    """Drift and CTF of the scripts before count, the worst first."""
    reads = {"drift_range": 34.0, "defocus_u": 15_000.0, "defocus_v": 14_900.0}
    run = make_run(tmp_path, {"micrograph": micrograph}, **reads, ctf_resolution=12.0)
    values = calculate_statistics(run)
    assert values["quality"] == "red"
    assert values["quality_reasons"] == ("CTF resolution 12.0 Å > 10 Å; drift range 34 Å > 30 Å")


def test_a_ctf_that_was_not_found_is_told_from_one_not_sought(
    tmp_path: Path, micrograph: Path
) -> None:
    """A curve without a defocus means "no CTF fit"; no curve means that nobody asked."""
    curve = tmp_path / "ctf_curve.star"
    write_star(curve, {"ctf_curve": StarTable({"cryobatchSpatialFrequency": [0.0]})})
    sought = make_run(tmp_path, {"micrograph": micrograph, "ctf_curve": curve})
    assert calculate_statistics(sought)["quality_reasons"] == "no CTF fit"
    found = make_run(
        tmp_path, {"micrograph": micrograph, "ctf_curve": curve}, defocus_u=9000.0, defocus_v=9000.0
    )
    assert calculate_statistics(found)["quality"] == "green"


def test_thumbnails_are_drawn_of_what_there_is(tmp_path: Path, micrograph: Path) -> None:
    """Micrograph, picks in colour and spectrum: JPEG files of the asked size."""
    picks = StarTable({"rlnCoordinateX": [50.0, 250.0], "rlnCoordinateY": [60.0, 200.0]})
    write_star(tmp_path / "particles.star", {"particles": picks})
    spectrum = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    write_image(tmp_path / "power_spectrum.mrc", spectrum, 1.4)
    inputs = {
        "micrograph": micrograph,
        "particles": tmp_path / "particles.star",
        "power_spectrum": tmp_path / "power_spectrum.mrc",
    }
    fit = {"defocus_u": 9500.0, "defocus_v": 9300.0, "defocus_angle": 30.0, "ctf_resolution": 4.0}
    optics = {"voltage": 300.0, "cs": 2.7, "amplitude_contrast": 0.1}
    run = make_run(tmp_path, inputs, **fit, **optics, particle_diameter=60.0)
    calculate_statistics(run, thumbnail_size=250)
    folder = tmp_path / "thumbnails"
    shapes = {
        path.name: imagecodecs.jpeg8_decode(path.read_bytes()).shape
        for path in sorted(folder.iterdir())
    }
    assert shapes == {
        "micrograph.jpg": (200, 250),
        "picks.jpg": (200, 250, 3),
        "power_spectrum.jpg": (128, 128),
    }
    green = imagecodecs.jpeg8_decode((folder / "picks.jpg").read_bytes())
    # The first pick's circle, 30 px around (50, 60), crosses x = 80: in the picture (40, 169).
    red_part, green_part = (int(part) for part in green[169, 40, :2])
    assert green_part > red_part + 60


def test_a_micrograph_alone_makes_only_its_own_thumbnail(tmp_path: Path, micrograph: Path) -> None:
    """What was not made is not drawn."""
    calculate_statistics(make_run(tmp_path, {"micrograph": micrograph}))
    assert [path.name for path in (tmp_path / "thumbnails").iterdir()] == ["micrograph.jpg"]


def test_damaged_files_are_named(tmp_path: Path, micrograph: Path) -> None:
    """A micrograph of no numbers and a table without frames are errors that name the file."""
    write_image(tmp_path / "broken.mrc", np.full((100, 100), np.nan, np.float32), 1.0)
    with pytest.raises(BadInput, match=r"broken\.mrc: 10000 of 10000 pixels"):
        calculate_statistics(make_run(tmp_path, {"micrograph": tmp_path / "broken.mrc"}))
    write_star(tmp_path / "frames.star", {"other": StarTable({"cryobatchMean": [1.0]})})
    inputs = {"micrograph": micrograph, "frames": tmp_path / "frames.star"}
    with pytest.raises(BadInput, match=r"^[^:]*frames\.star: has no block data_frames"):
        calculate_statistics(make_run(tmp_path, inputs))


def test_a_gain_that_does_not_fit_is_red(tmp_path: Path, micrograph: Path) -> None:
    """A turned reference is said with the orientation that fits, another camera's as such."""
    inputs = {"micrograph": micrograph}
    run = make_run(tmp_path, inputs, gain_verdict="turned", gain_fit=0.01,
                   gain_best="gain_rotation=1 gain_flip=0")  # fmt: skip
    values = calculate_statistics(run)
    assert values["quality"] == "red"
    assert values["quality_reasons"] == (
        "gain reference turned wrongly (1 % of its pattern shows): gain_rotation=1 gain_flip=0 fits"
    )
    run = make_run(tmp_path, inputs, gain_verdict="foreign", gain_fit=0.02)
    assert calculate_statistics(run)["quality"] == "red"
    for verdict in ("fits", "undecided", None):
        run = make_run(tmp_path, inputs, gain_verdict=verdict, gain_fit=0.98)
        assert calculate_statistics(run)["quality"] == "green"


def test_doubts_about_the_recording_are_amber(tmp_path: Path, micrograph: Path) -> None:
    """What an import or a guard has doubted is a reason; the word none dispels it."""
    run = make_run(tmp_path, {"micrograph": micrograph}, doubts="pixel size twice the calibrated")
    values = calculate_statistics(run)
    assert values["quality"] == "amber"
    assert values["quality_reasons"] == "pixel size twice the calibrated"
    run = make_run(tmp_path, {"micrograph": micrograph}, doubts="none")
    assert calculate_statistics(run)["quality"] == "green"
