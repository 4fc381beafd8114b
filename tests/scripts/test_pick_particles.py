"""The script that picks particles, from file to file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import write_image
from cryobatch.formats.star import read_star
from cryobatch.imaging.simulate import SimulationSettings, simulate_micrograph
from cryobatch.model import Absent, Run
from cryobatch.model.declaration import declared_script
from cryobatch.scripts.pick_particles import pick_particles

SharedData = Callable[[str], Path]
Events = list[Mapping[str, Any]]


def make_run(folder: Path, micrograph: Path, events: Events, **reads: float | None) -> Run:
    """Return a run of the script on a micrograph."""
    return Run(
        workspace=folder,
        inputs={"micrograph": micrograph},
        outputs={"particles": folder / "particles.star"},
        reads={"pixel_size": 2.0, "micrograph_pixel_size": None, **reads},
        report=events.append,
    )


@pytest.fixture(scope="module")
def micrograph() -> NDArray[np.float32]:
    """Return a simulated micrograph at 2 Å a pixel."""
    settings = SimulationSettings(rows=512, columns=600, pixel_size_angstrom=2.0)
    return simulate_micrograph(settings, 8, threads=1).image.astype(np.float32)


def test_particles_are_written_as_relion_reads_them(
    tmp_path: Path, micrograph: NDArray[np.float32]
) -> None:
    """RELION's labels, one row a particle, coordinates inside the micrograph, best first."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 2.0)
    events: Events = []
    values = pick_particles(make_run(tmp_path, tmp_path / "micrograph.mrc", events), diameter=130.0)
    block = gemmi.cif.read(str(tmp_path / "particles.star")).find_block("particles")
    assert block is not None
    table = block.find("_rlnCoordinate", ["X", "Y"])
    assert len(table) == values["particle_count"]
    particles = read_star(tmp_path / "particles.star")["particles"]
    x, y = particles.floats("rlnCoordinateX"), particles.floats("rlnCoordinateY")
    assert x.min() >= 0
    assert x.max() <= 599
    assert y.min() >= 0
    assert y.max() <= 511
    assert np.all(np.diff(particles.floats("rlnAutopickFigureOfMerit")) <= 0)
    assert set(particles.ints("rlnClassNumber")) == {1}
    assert set(particles.floats("rlnAnglePsi")) == {0.0}


def test_values_keep_the_declaration(tmp_path: Path, micrograph: NDArray[np.float32]) -> None:
    """Every declared value is there and in range."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 2.0)
    values = pick_particles(make_run(tmp_path, tmp_path / "micrograph.mrc", []), diameter=130.0)
    declared = declared_script(pick_particles)
    assert declared is not None
    assert set(values) == set(declared.values)
    for name, value in values.items():
        declared.values[name].check(value, name)
    assert values["particle_count"] != 0


def test_the_micrographs_own_pixel_counts(tmp_path: Path, micrograph: NDArray[np.float32]) -> None:
    """After a Fourier crop the micrograph's pixel differs from the recording's."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 2.0)
    path = tmp_path / "micrograph.mrc"
    plain = pick_particles(make_run(tmp_path, path, []), diameter=130.0)
    cropped = make_run(tmp_path, path, [], pixel_size=1.0, micrograph_pixel_size=2.0)
    assert pick_particles(cropped, diameter=130.0) == plain


def test_a_tiff_is_picked_in_the_same_frame_of_coordinates(
    tmp_path: Path, micrograph: NDArray[np.float32]
) -> None:
    """A TIFF is read upside down, so that it agrees with MRC files of the same micrograph."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 2.0)
    tifffile.imwrite(tmp_path / "micrograph.tif", micrograph[::-1])
    tables = []
    for name in ("micrograph.mrc", "micrograph.tif"):
        pick_particles(make_run(tmp_path, tmp_path / name, []), diameter=130.0)
        tables.append(read_star(tmp_path / "particles.star")["particles"])
    mrc, tiff = (table.floats("rlnCoordinateY") for table in tables)
    np.testing.assert_allclose(tiff, mrc)


def test_particles_that_the_border_cuts_are_a_reason(
    tmp_path: Path, micrograph: NDArray[np.float32]
) -> None:
    """Where all that scores enough lies too near to the border, the warning says so."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 2.0)
    events: Events = []
    run = make_run(tmp_path, tmp_path / "micrograph.mrc", events)
    values = pick_particles(run, diameter=130.0, edge=5.0)
    assert values["particle_count"] == 0
    assert any("border" in event["text"] for event in events)


def test_an_estimated_diameter_is_told(tmp_path: Path, micrograph: NDArray[np.float32]) -> None:
    """The person learns that the diameter is an estimate, and how to give one."""
    write_image(tmp_path / "micrograph.mrc", micrograph, 2.0)
    events: Events = []
    values = pick_particles(make_run(tmp_path, tmp_path / "micrograph.mrc", events))
    assert values["particle_diameter"] == pytest.approx(130.0, rel=0.1)
    assert any("pick_particles.diameter" in event["text"] for event in events)


def test_a_micrograph_without_particles_is_a_result(tmp_path: Path) -> None:
    """Count 0, an empty table, the rest absent with a reason, and a warning."""
    write_image(tmp_path / "black.mrc", np.zeros((300, 300), np.float32), 2.0)
    events: Events = []
    values = pick_particles(make_run(tmp_path, tmp_path / "black.mrc", events), diameter=130.0)
    assert values["particle_count"] == 0
    assert isinstance(values["particle_diameter"], Absent)
    assert len(read_star(tmp_path / "particles.star")["particles"]) == 0
    assert [event["level"] for event in events] == ["warning"]


def test_a_micrograph_without_numbers_is_bad_input(tmp_path: Path) -> None:
    """NaN everywhere is no empty micrograph but a broken one; the file is named."""
    write_image(tmp_path / "broken.mrc", np.full((300, 300), np.nan, np.float32), 2.0)
    with pytest.raises(BadInput, match=r"broken\.mrc.*no numbers"):
        pick_particles(make_run(tmp_path, tmp_path / "broken.mrc", []), diameter=130.0)


def test_real_micrographs_work_from_their_files(tmp_path: Path, shared_data: SharedData) -> None:
    """16-bit integers as they come from the microscope's own software."""
    path = shared_data("apoferritin") / "May08_05.55.31.mrc"
    values = pick_particles(make_run(tmp_path, path, [], pixel_size=1.5), diameter=130.0)
    assert isinstance(values["particle_count"], int)
    assert 130 <= values["particle_count"] <= 165
