"""The script that fits the CTF, from file to file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import read_image, write_image
from cryobatch.formats.star import read_star
from cryobatch.imaging.simulate import SimulationSettings, simulate_micrograph
from cryobatch.model import Absent, Run
from cryobatch.model.declaration import declared_script
from cryobatch.scripts.fit_ctf import fit_ctf

SharedData = Callable[[str], Path]
FACTS = {"pixel_size": 1.5, "voltage": 300.0, "cs": 2.7, "amplitude_contrast": 0.07}


def make_run(
    folder: Path, inputs: Mapping[str, Path], events: list[Mapping[str, Any]], **reads: float
) -> Run:
    """Return a run of the script on files."""
    return Run(
        workspace=folder,
        inputs=inputs,
        outputs={
            "power_spectrum": folder / "power_spectrum.mrc",
            "ctf_curve": folder / "ctf_curve.star",
        },
        reads={"micrograph_pixel_size": None, **FACTS, **reads},
        report=events.append,
    )


def checked(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return what a script gave, after the checks that its declaration asks for."""
    declared = declared_script(fit_ctf)
    assert declared is not None
    assert set(values) == set(declared.values)
    return {name: declared.values[name].check(value, name) for name, value in values.items()}


@pytest.fixture(scope="module")
def micrograph() -> NDArray[np.float32]:
    """Return a simulated micrograph of known defocus."""
    settings = SimulationSettings(
        rows=1024,
        columns=1100,
        pixel_size_angstrom=1.5,
        cs_mm=2.7,
        amplitude_contrast=0.07,
        defocus_u_angstrom=14_400.0,
        defocus_v_angstrom=13_600.0,
        defocus_angle_degrees=25.0,
    )
    return simulate_micrograph(settings, 3, threads=1).image.astype(np.float32)


def test_a_micrograph_gets_its_defocus(tmp_path: Path, micrograph: NDArray[np.float32]) -> None:
    """A simulated micrograph's defocus, astigmatism and angle come back as values."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 1.5)
    run = make_run(tmp_path, {"micrograph": tmp_path / "micrograph.mrc"}, [])
    values = checked(fit_ctf(run, box=512))
    assert values["defocus_u"] == pytest.approx(14_400.0, abs=120.0)
    assert values["defocus_v"] == pytest.approx(13_600.0, abs=120.0)
    assert values["defocus_angle"] == pytest.approx(25.0, abs=6.0)
    assert isinstance(values["defocus_error"], float)
    assert 0.0 < values["defocus_error"] < 60.0
    assert values["phase_shift"] == Absent("not searched")
    assert isinstance(values["ctf_resolution"], float)


def test_spectrum_and_curve_are_kept(tmp_path: Path, micrograph: NDArray[np.float32]) -> None:
    """The spectrum that was fitted and the curve of its fit are files that can be read."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 1.5)
    fit_ctf(make_run(tmp_path, {"micrograph": tmp_path / "micrograph.mrc"}, []), box=256)
    spectrum, pixel_size = read_image(tmp_path / "power_spectrum.mrc")
    assert spectrum.shape == (256, 256)
    assert pixel_size == pytest.approx(1.5, rel=1e-5)
    curve = read_star(tmp_path / "ctf_curve.star")["ctf_curve"]
    frequency = curve.floats("cryobatchSpatialFrequency")
    assert frequency[-1] == pytest.approx(127.0 / (256 * 1.5), rel=1e-4)
    assert 0.9 < curve.floats("cryobatchCtfFit").max() <= 1.0
    assert curve.floats("cryobatchEquiPhaseAverage")[30] > 0.0


def test_the_frames_spectrum_is_preferred(tmp_path: Path, shared_data: SharedData) -> None:
    """Where drift correction made a spectrum of frames, that is fitted, with its own pixel size."""
    empty = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    write_image(tmp_path / "micrograph.mrc", empty, 0.885)
    inputs = {
        "micrograph": tmp_path / "micrograph.mrc",
        "power_spectrum_frames": shared_data("beta_galactosidase") / "20170629_00026_PS.mrc",
    }
    reads = {"pixel_size": 0.885, "voltage": 200.0, "cs": 1.4, "amplitude_contrast": 0.1}
    values = checked(fit_ctf(make_run(tmp_path, inputs, [], **reads)))
    assert values["defocus_u"] == pytest.approx(8347.0, abs=50.0)
    assert values["defocus_v"] == pytest.approx(8095.0, abs=50.0)
    assert values["defocus_angle"] == pytest.approx(73.4, abs=6.0)


def test_noise_gets_a_reason_instead_of_a_defocus(tmp_path: Path) -> None:
    """An image without Thon rings: every fitted value is absent for that reason, with a warning."""
    noise = np.random.default_rng(0).standard_normal((700, 700)).astype(np.float32)
    write_image(tmp_path / "micrograph.mrc", noise, 1.5)
    events: list[Mapping[str, Any]] = []
    run = make_run(tmp_path, {"micrograph": tmp_path / "micrograph.mrc"}, events)
    values = checked(fit_ctf(run, box=256))
    for name in ("defocus_u", "defocus_v", "defocus_angle", "ctf_resolution", "defocus_error"):
        absent = values[name]
        assert isinstance(absent, Absent)
        assert absent.reason.startswith("no Thon rings")
    assert any(event.get("level") == "warning" for event in events)
    assert (tmp_path / "power_spectrum.mrc").exists()


def test_an_empty_micrograph_is_a_result(tmp_path: Path) -> None:
    """A micrograph of one value has no rings; it does not fail the batch."""
    write_image(tmp_path / "micrograph.mrc", np.zeros((512, 512), np.float32), 1.5)
    run = make_run(tmp_path, {"micrograph": tmp_path / "micrograph.mrc"}, [])
    assert isinstance(checked(fit_ctf(run, box=256))["defocus_u"], Absent)


def test_a_phase_plate_is_searched_when_asked(
    tmp_path: Path, micrograph: NDArray[np.float32]
) -> None:
    """With the search on, the shift is a number, near 0 and doubted where there is no plate."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 1.5)
    events: list[Mapping[str, Any]] = []
    run = make_run(tmp_path, {"micrograph": tmp_path / "micrograph.mrc"}, events)
    shift = checked(fit_ctf(run, phase_shift_search=True))["phase_shift"]
    assert isinstance(shift, float)
    assert min(shift, 180.0 - shift) < 15.0
    assert any("is there a phase plate?" in str(event.get("text", event)) for event in events)


def test_a_damaged_micrograph_is_named(tmp_path: Path) -> None:
    """Pixels that are no numbers: an error that names the file and what is wrong."""
    image = np.ones((300, 300), np.float32)
    image[:20] = np.nan
    write_image(tmp_path / "broken.mrc", image, 1.5)
    run = make_run(tmp_path, {"micrograph": tmp_path / "broken.mrc"}, [])
    with pytest.raises(BadInput, match=r"broken\.mrc: 6000 of 90000 pixels"):
        fit_ctf(run)


def test_a_stack_is_no_micrograph(tmp_path: Path) -> None:
    """A file of several frames is refused by name."""
    import mrcfile

    with mrcfile.new(tmp_path / "movie.mrc") as file:
        file.set_data(np.zeros((3, 128, 128), np.float32))
    run = make_run(tmp_path, {"micrograph": tmp_path / "movie.mrc"}, [])
    with pytest.raises(BadInput, match=r"movie\.mrc: holds 3 frames"):
        fit_ctf(run)
