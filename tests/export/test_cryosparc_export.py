"""cryoSPARC's import jobs find what they ask for."""

import csv
import subprocess
from pathlib import Path

from cryobatch.export.bundle import Links
from cryobatch.export.cryosparc import name_files
from cryobatch.export.exposure import Exposure
from cryobatch.export.optics import group_optics
from cryobatch.formats.star import read_star
from cryobatch.project import Project, Selection
from cryobatch.project.exporting import ExportKind
from tests.export.exported import PIXEL_SIZE, SPOTS, NeedsProgram

ALL = Selection(everything=True)


def export(project: Project, folder: Path) -> None:
    """Export all images for cryoSPARC."""
    project.exporter.write(ExportKind.CRYOSPARC, ALL, folder, links=Links.ABSOLUTE)


def test_micrographs_lie_in_one_folder_under_telling_names(
    project: Project, tmp_path: Path
) -> None:
    """One pattern takes all; a name alone says optics group, group and image."""
    export(project, tmp_path / "c")
    names = sorted(path.name for path in (tmp_path / "c" / "micrographs").glob("*.mrc"))
    assert names == ["og002__square__image_1.mrc", "og002__square__image_3.mrc",
                     "og005__square__image_2.mrc"]  # fmt: skip
    assert all((tmp_path / "c" / "micrographs" / name).is_file() for name in names)
    with (tmp_path / "c" / "exposures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["file"]: row["optics_group"] for row in rows}[names[2]] == "5"
    assert (rows[0]["defocus_u"], rows[0]["beam_shift_x"], rows[0]["phase_shift"]) == (
        "15000.0", "0.5", "",
    )  # fmt: skip


def test_no_two_micrographs_share_a_name() -> None:
    """Names of group and image that are parted by what also stands in them stay apart."""
    pairs = (("a", "b__c"), ("a__b", "c"), ("a", "b__c__2"), ("a", "d"))
    exposures = [Exposure(id=place, group=group, name=name)
                 for place, (group, name) in enumerate(pairs, start=1)]  # fmt: skip
    names = name_files(exposures, group_optics(exposures))
    assert len(set(names.values())) == len(pairs)
    assert (names[1], names[4]) == ("og001__a__b__c.mrc", "og001__a__d.mrc")


def test_picks_name_their_micrographs(project: Project, tmp_path: Path) -> None:
    """Particles are in pixels of the micrograph, with defocus, optics and the exposures' names."""
    export(project, tmp_path / "c")
    blocks = read_star(tmp_path / "c" / "particles.star")
    particles = blocks["particles"]
    assert set(particles.texts("rlnMicrographName")) == {
        path.name for path in (tmp_path / "c" / "micrographs").iterdir()
    }
    found = list(zip(particles.floats("rlnCoordinateX"), particles.floats("rlnCoordinateY"),
                     strict=True))  # fmt: skip
    assert found[:2] == [tuple(map(float, spot)) for spot in SPOTS]
    assert set(particles.floats("rlnDefocusU").tolist()) == {15_000.0}
    assert blocks["optics"].floats("rlnImagePixelSize").tolist() == [PIXEL_SIZE] * 2


def test_the_recipe_says_what_the_jobs_must_be_told(project: Project, tmp_path: Path) -> None:
    """Pattern, settings of each optics group, and how names tell the groups."""
    export(project, tmp_path / "c")
    text = (tmp_path / "c" / "import.txt").read_text()
    for said in ("micrographs/*.mrc", "og002: 2 micrographs, pixel size 1.25 A, 300 kV, Cs 2.7 mm",
                 "og(\\d+)__", "Source Exposures"):  # fmt: skip
        assert said in text


def test_images_without_a_micrograph_are_left_out(project: Project, tmp_path: Path) -> None:
    """A movie that waits for its correction is no micrograph yet."""
    report = project.exporter.write(ExportKind.CRYOSPARC, ALL, tmp_path / "c")
    assert report.images == 3
    assert "no micrograph" in report.left_out["square/image_4"]


def test_relion_makes_particle_images_of_the_picks(
    project: Project, tmp_path: Path, needs_program: NeedsProgram
) -> None:
    """The way of picks into cryoSPARC: RELION's reader takes the table with its optics."""
    program = needs_program("relion_star_printtable", "relion")
    export(project, tmp_path / "c")
    found = subprocess.run(
        [program, str(tmp_path / "c" / "particles.star"), "data_particles", "rlnCoordinateX",
         "rlnOpticsGroup"], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(found.stdout.split()) == 2 * 3 * len(SPOTS)
