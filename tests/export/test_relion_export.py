"""RELION goes on with what is exported."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryobatch.errors import ConflictError, UsageError
from cryobatch.export.bundle import Links
from cryobatch.formats.mrc import open_stack
from cryobatch.formats.star import read_star
from cryobatch.processing.image_folder import update_record
from cryobatch.project import Project, Selection
from cryobatch.project.exporting import ExportKind
from tests.export.exported import FACTS, PIXEL_SIZE, SPOTS, VALUES, NeedsProgram, add_results

ALL = Selection(everything=True)
BOX = 16


def export(project: Project, folder: Path, **options: object) -> None:
    """Export all images for RELION."""
    project.exporter.write(ExportKind.RELION, ALL, folder, **options)  # type: ignore[arg-type]  # the test's own


def test_tables_hold_what_is_known_in_relions_units(project: Project, tmp_path: Path) -> None:
    """Optics groups keep their numbers; defocus in Å, motion in pixels of the movie."""
    export(project, tmp_path / "relion")
    blocks = read_star(tmp_path / "relion" / "micrographs_ctf.star")
    optics, micrographs = blocks["optics"], blocks["micrographs"]
    assert optics.ints("rlnOpticsGroup").tolist() == [2, 5]
    assert optics.texts("rlnOpticsGroupName") == ["opticsGroup2", "opticsGroup5"]
    assert optics.floats("rlnMicrographPixelSize").tolist() == [PIXEL_SIZE, PIXEL_SIZE]
    assert optics.floats("rlnSphericalAberration").tolist() == [2.7, 2.7]
    assert micrographs.ints("rlnOpticsGroup").tolist() == [2, 5, 2]
    assert micrographs.texts("rlnMicrographName")[0] == "Micrographs/square/image_1.mrc"
    assert micrographs.floats("rlnDefocusU").tolist() == [15_000.0] * 3
    assert micrographs.floats("rlnCtfAstigmatism").tolist() == [500.0] * 3
    assert micrographs.floats("rlnAccumMotionTotal").tolist() == [12.5 / PIXEL_SIZE] * 3
    assert "rlnPhaseShift" not in micrographs
    movies = read_star(tmp_path / "relion" / "movies.star")["movies"]
    assert movies.texts("rlnMicrographMovieName")[3] == "Movies/square/image_4.mrc"


def test_names_lead_to_the_files(project: Project, tmp_path: Path) -> None:
    """Every name in every table is a file below the folder, also after all has moved together."""
    export(project, tmp_path / "out" / "relion")
    root = tmp_path / "out" / "relion"
    for file, block, labels in (
        ("movies.star", "movies", ("rlnMicrographMovieName",)),
        ("corrected_micrographs.star", "micrographs", ("rlnMicrographName",
                                                       "rlnMicrographMetadata")),
        ("micrographs_ctf.star", "micrographs", ("rlnMicrographName", "rlnCtfImage")),
        ("autopick.star", "coordinate_files", ("rlnMicrographName", "rlnMicrographCoordinates")),
    ):  # fmt: skip
        table = read_star(root / file)[block]
        for label in labels:
            for name in table.texts(label):
                assert (root / name.removesuffix(":mrc")).is_file(), name
    motion = read_star(root / "Micrographs/square/image_1.star")["general"]
    assert motion.text("rlnMicrographMovieName") == "Movies/square/image_1.mrc"
    link = root / "Micrographs/square/image_1.mrc"
    assert not link.readlink().is_absolute()
    export(project, tmp_path / "absolute", links=Links.ABSOLUTE)
    assert (tmp_path / "absolute/Micrographs/square/image_1.mrc").readlink().is_absolute()


def test_relion_extracts_the_particles(
    project: Project, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    """RELION's own extraction finds what was picked in the middle of its boxes, upright."""
    program = needs_program("relion_preprocess", "relion")
    export(project, tmp_path / "relion")
    root = tmp_path / "relion"
    subprocess.run(
        [program, "--i", "micrographs_ctf.star", "--coord_dir", "AutoPick/", "--coord_suffix",
         "_autopick.star", "--part_star", "Extract/particles.star", "--part_dir", "Extract/",
         "--extract", "--extract_size", str(BOX)], cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    blocks = read_star(root / "Extract" / "particles.star")
    particles = blocks["particles"]
    assert len(particles) == 3 * len(SPOTS)
    assert particles.floats("rlnDefocusV").tolist() == [14_500.0] * 6
    numbers = dict(zip(blocks["optics"].texts("rlnOpticsGroupName"),
                       blocks["optics"].ints("rlnOpticsGroup"), strict=True))  # fmt: skip
    groups = particles.ints("rlnOpticsGroup").tolist()
    assert (
        groups
        == [numbers["opticsGroup2"]] * 2
        + [numbers["opticsGroup5"]] * 2
        + [numbers["opticsGroup2"]] * 2
    )
    place, name = particles.texts("rlnImageName")[0].split("@")
    box = open_stack(root / name).frame(int(place) - 1)
    assert int(np.argmax(box)) == (BOX // 2) * BOX + BOX // 2
    assert box[BOX // 2 + 2, BOX // 2] == np.sort(box.ravel())[-2]


def test_relion_reads_all_tables(
    project: Project, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    """RELION's own reader finds the columns of each file."""
    program = needs_program("relion_star_printtable", "relion")
    export(project, tmp_path / "relion")
    for file, table, label in (
        ("movies.star", "data_movies", "rlnMicrographMovieName"),
        ("corrected_micrographs.star", "data_micrographs", "rlnMicrographMetadata"),
        ("autopick.star", "data_coordinate_files", "rlnMicrographCoordinates"),
        ("particles.star", "data_particles", "rlnDefocusAngle"),
        ("particles.star", "data_optics", "rlnOpticsGroupName"),
    ):
        found = subprocess.run([program, str(tmp_path / "relion" / file), table, label],
                               capture_output=True, text=True, check=True)  # fmt: skip
        assert found.stdout.split(), file


def test_one_group_of_two_magnifications_becomes_two(project: Project, tmp_path: Path) -> None:
    """Images that share a number and no pixel size get another number; the first keep theirs."""
    add_results(project, 3, optics_group=2, facts={**FACTS, "pixel_size": 0.8},
                values={**VALUES, "micrograph_pixel_size": 0.8})  # fmt: skip
    export(project, tmp_path / "relion")
    blocks = read_star(tmp_path / "relion" / "micrographs_ctf.star")
    assert blocks["optics"].ints("rlnOpticsGroup").tolist() == [2, 5, 6]
    assert blocks["micrographs"].ints("rlnOpticsGroup").tolist() == [2, 5, 6]


def test_a_persons_correction_is_exported(project: Project, tmp_path: Path) -> None:
    """What a person or a group's file says comes before the recording's header."""
    folder = project.images.folder(1)
    update_record(folder, lambda r: replace(r, person=replace(r.person, facts={"cs": 1.4})))
    (folder.parent / "group.toml").write_text("[acquisition]\nvoltage = 200.0\ncs = 2.2\n")
    export(project, tmp_path / "relion")
    optics = read_star(tmp_path / "relion" / "movies.star")["optics"]
    assert sorted(optics.floats("rlnSphericalAberration").tolist())[:2] == [1.4, 2.2]
    assert set(optics.floats("rlnVoltage").tolist()) == {200.0}


def test_what_cannot_be_told_is_left_out_and_said(project: Project, tmp_path: Path) -> None:
    """An image without a needed fact or fit costs only itself, and the manifest says why."""
    add_results(project, 2, facts={name: v for name, v in FACTS.items() if name != "cs"})
    add_results(project, 3, values={name: v for name, v in VALUES.items() if name != "defocus_u"})
    report = project.exporter.write(ExportKind.RELION, ALL, tmp_path / "relion")
    assert report.images == 3
    assert "cs" in report.left_out["square/image_2"]
    assert "no CTF fit" in report.lacks["square/image_3"]
    micrographs = read_star(tmp_path / "relion" / "micrographs_ctf.star")["micrographs"]
    assert micrographs.texts("rlnMicrographName") == ["Micrographs/square/image_1.mrc"]
    with pytest.raises(UsageError, match="cs"):
        project.exporter.write(ExportKind.RELION, Selection(images=(2,)), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_export_appears_whole_and_replaces_only_its_like(
    project: Project, tmp_path: Path
) -> None:
    """What is there stays, unless it is an earlier export and shall be replaced."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ConflictError, match="no export"):
        export(project, tmp_path / "mine", replace=True)
    export(project, tmp_path / "relion")
    with pytest.raises(ConflictError, match="earlier export"):
        export(project, tmp_path / "relion")
    export(project, tmp_path / "relion", replace=True)


@pytest.mark.parametrize("told", [2, 4])
def test_an_export_that_is_stopped_leaves_nothing(
    project: Project, tmp_path: Path, told: int
) -> None:
    """While images are read as while files are written."""
    calls = iter(range(told))

    def stop(_done: int, _all: int) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(project, tmp_path / "next", done=stop)
    assert sorted(path.name for path in tmp_path.iterdir() if "next" in path.name) == []


def test_what_appears_meanwhile_is_not_replaced(project: Project, tmp_path: Path) -> None:
    """Somebody who writes into the same place while an export is made loses nothing."""
    mine = tmp_path / "relion" / "thesis.txt"

    def write_there(_done: int, _all: int) -> None:
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("x")

    with pytest.raises(ConflictError, match="no export"):
        export(project, tmp_path / "relion", done=write_there)
    assert mine.read_text() == "x"
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


def test_a_file_that_cannot_be_read_costs_its_own_image_only(
    project: Project, tmp_path: Path
) -> None:
    """Its picks or its motion are left out, with the reason; all else is there."""
    (project.images.folder(1) / "particles.star").write_text("no star")
    (project.images.folder(3) / "motion.star").write_bytes(b"\xff")
    report = project.exporter.write(ExportKind.RELION, ALL, tmp_path / "relion")
    assert report.images == 4
    assert "particles.star" in report.lacks["square/image_1"]
    assert "motion.star" in report.lacks["square/image_3"]
    manifest = json.loads((tmp_path / "relion" / "export.json").read_text())
    assert manifest["lacks"] == report.lacks
    picked = read_star(tmp_path / "relion" / "autopick.star")["coordinate_files"]
    assert len(picked) == 2
    corrected = read_star(tmp_path / "relion" / "corrected_micrographs.star")["micrographs"]
    assert len(corrected) == 3
    assert "rlnMicrographMetadata" not in corrected
    assert len(read_star(tmp_path / "relion" / "particles.star")["particles"]) == 2 * len(SPOTS)


def test_particles_have_their_defocus_whatever_others_lack(
    project: Project, tmp_path: Path
) -> None:
    """A micrograph without a fit and without picks takes no column from the others' particles."""
    without = {name: v for name, v in VALUES.items() if name != "defocus_u"}
    folder = add_results(project, 2, values=without)
    (folder / "particles.star").unlink()
    export(project, tmp_path / "relion")
    particles = read_star(tmp_path / "relion" / "particles.star")["particles"]
    assert particles.floats("rlnDefocusU").tolist() == [15_000.0] * (2 * len(SPOTS))
