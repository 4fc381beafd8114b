"""Watched sessions of EPU and SerialEM: whatever comes first, images get facts and groups."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cryobatch.model.image import ImageRecord
from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project
from cryobatch.project.watching import Orders
from tests.daemon.watched import PICK, Session
from tests.recording_files import write_mrc, write_tiff

EPU = "FoilHole_9015883_Data_9017347_6_20250108_154915"
FRAMES = np.random.default_rng(7).integers(0, 9, (50, 2, 5760)).astype(np.uint8)
FACTS = {"pixel_size": 1.5, "voltage": 300, "cs": 2.7}
REGISTER = Orders(submit=False)


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of which nothing is known beforehand."""
    with Project.create(tmp_path / "project") as project:
        yield project


def read_images(project: Project) -> dict[str, ImageRecord]:
    """Return the records of all images by name."""
    rows = project.images.rows()
    places = [project.place.image_folder(str(row["group"]), str(row["name"])) for row in rows]
    return {record.image.name: record for record in map(read_record, places)}


def log_texts(project: Project) -> list[str]:
    """Return what the log says."""
    return [row.text for row in project.log.since(0)]


@pytest.mark.parametrize("first", ["movie", "xml"])
def test_movie_and_xml_may_come_in_two_watched_folders(
    tmp_path: Path, project: Project, shared_data: Callable[[str], Path], first: str
) -> None:
    """A movie waits for its XML, which appears under another watched folder, before or after it."""
    real = shared_data("epu_session")
    movies, metadata = tmp_path / "disk1", tmp_path / "disk2"
    movies.mkdir()
    metadata.mkdir()
    session = Session.begin(project, movies, REGISTER)
    project.watching.add(metadata, REGISTER)
    session.pass_time(2)

    def write_movie() -> None:
        write_tiff(movies / f"{EPU[:-2]}17_fractions.tiff", FRAMES)

    def write_xml() -> None:
        shutil.copytree(real, metadata / "session")

    steps = [write_movie, write_xml] if first == "movie" else [write_xml, write_movie]
    for write in steps:
        assert read_images(project) == {}
        write()
        session.pass_time(8)
        project.watching.scan(project.watching.find(str(metadata)))
        session.pass_time(8)
    (record,) = read_images(project).values()
    assert record.image.group == "GridSquare_8999138"
    assert record.fact("pixel_size") == pytest.approx(0.52794, abs=1e-5)
    assert record.fact("square_x") == pytest.approx(-98.8057, abs=1e-4)


def test_a_movie_whose_xml_never_comes_is_taken_at_last(tmp_path: Path, project: Project) -> None:
    """A session without XML is imported all the same; only the first movies wait for long."""
    folder = tmp_path / "movies"
    folder.mkdir()
    session = Session.begin(project, folder, REGISTER)
    write_tiff(folder / f"{EPU}_fractions.tiff", FRAMES)
    session.pass_time(20)
    assert read_images(project) == {}
    session.pass_time(30)
    assert len(read_images(project)) == 1


def test_metadata_that_come_after_the_image_give_it_their_facts(
    tmp_path: Path, project: Project, shared_data: Callable[[str], Path]
) -> None:
    """A movie was taken without its XML; when that comes at last, the image knows what it says."""
    folder = Path(shutil.copytree(shared_data("epu_session"), tmp_path / "session"))
    (xml,) = folder.rglob(f"{EPU}.xml")
    content = xml.read_bytes()
    xml.unlink()
    session = Session.begin(project, folder, REGISTER)
    write_tiff(xml.with_name(f"{EPU}_fractions.tiff"), FRAMES)
    session.pass_time(60)
    (before,) = read_images(project).values()
    assert before.fact("pixel_size") is None
    xml.write_bytes(content[:5000])
    session.pass_time(60)
    assert read_images(project)[before.image.name].fact("pixel_size") is None
    xml.write_bytes(content)
    session.pass_time(60)
    (after,) = read_images(project).values()
    assert after.fact("pixel_size") == pytest.approx(0.52794, abs=1e-5)
    assert after.image.recorded_at == "2025-01-08T15:49:18.1158288+00:00"
    assert any("metadata that came later" in text for text in log_texts(project))


def test_a_short_movie_waits_for_its_frames_and_is_taken_with_a_remark(
    tmp_path: Path, project: Project, shared_data: Callable[[str], Path]
) -> None:
    """46 of the 50 frames that its XML states: more might come; then it is an image like others."""
    folder = Path(shutil.copytree(shared_data("epu_session"), tmp_path / "session"))
    session = Session.begin(project, folder, REGISTER)
    (xml,) = folder.rglob(f"{EPU}.xml")
    write_tiff(xml.with_name(f"{EPU}_fractions.tiff"), FRAMES[:46])
    session.pass_time(10)
    assert read_images(project) == {}
    session.pass_time(40)
    (record,) = read_images(project).values()
    assert (record.image.frames, record.fact("frames_expected")) == (46, 50)
    assert any("has 46 of 50 frames" in text for text in log_texts(project))


def test_a_tilt_series_is_one_group_as_it_grows(tmp_path: Path, project: Project) -> None:
    """Each movie waits until the series' mdoc names it, and knows its tilt and what was before."""
    folder = tmp_path / "series"
    (folder / "frames").mkdir(parents=True)
    mdoc = folder / "TS_7.mrc.mdoc"
    mdoc.write_text("PixelSpacing = 2.0\nVoltage = 300\n")
    session = Session.begin(project, folder, REGISTER)
    session.pass_time(2)
    for number, tilt in enumerate((0.0, 3.0, -3.0)):
        path = folder / "frames" / f"TS_7_{number:03}_{tilt}.mrc"
        write_mrc(path, np.full((8, 16, 16), number + 1, np.int8))
        session.pass_time(8)
        assert len(read_images(project)) == number
        with mdoc.open("a") as file:  # the stack of sums comes last, and is none of the recordings
            (folder / "TS_7.mrc").unlink(missing_ok=True)
            write_mrc(folder / "TS_7.mrc", np.full((number + 1, 8, 8), 3, np.int16))
            file.write(
                f"[ZValue = {number}]\nTiltAngle = {tilt}\nExposureDose = 3\nBinning = 1\n"
                f"SubFramePath = D:\\DATA\\{path.name}\nNumSubFrames = 8\n"
                f"DateTime = 01-Jan-24  10:0{number}:00\n\n"
            )
        session.pass_time(8)
    session.pass_time(60)
    images = read_images(project)
    assert len(images) == 3
    assert {record.image.group for record in images.values()} == {"TS_7"}
    assert not any("TS_7.mrc" in text for text in log_texts(project))
    found = [
        (record.fact("tilt_number"), record.fact("tilt_angle"), record.fact("pre_exposure"))
        for _, record in sorted(images.items())
    ]
    assert found == [(0, 0.0, 0.0), (1, 3.0, 3.0), (2, -3.0, 6.0)]


def test_names_are_read_by_the_project_s_pattern(tmp_path: Path) -> None:
    """A pattern of project.toml gives groups and facts to what a watch takes, also a new one."""
    folder = tmp_path / "day"
    folder.mkdir()
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        session = Session.begin(project, folder, Orders(choice=PICK))
        write_mrc(folder / "G1_S2_0003.mrc", np.ones((1, 32, 32), np.int16))
        session.pass_time(8)
        with (project.place.settings).open("a") as file:
            file.write('\n[import]\npattern = "{grid}_{square}_{number}"\n')
        project.reload()
        write_mrc(folder / "G1_S2_0004.mrc", np.full((1, 32, 32), 2, np.int16))
        session.pass_time(8)
        images = read_images(project)
    assert images["G1_S2_0003"].image.group == "day"
    assert images["G1_S2_0004"].image.group == "G1_S2"
    assert images["G1_S2_0004"].fact("exposure_number") == 4


def test_a_watched_folder_has_a_pattern_of_its_own(tmp_path: Path) -> None:
    """Given with its orders it goes before the project's, and holds for that folder alone."""
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        session = Session.begin(project, own, Orders(choice=PICK, pattern="{label}_{number}"))
        project.watching.add(other, Orders(choice=PICK))
        write_mrc(own / "a_0003.mrc", np.ones((1, 32, 32), np.int16))
        write_mrc(other / "b_0004.mrc", np.full((1, 32, 32), 2, np.int16))
        session.pass_time(8)
        images = read_images(project)
        assert project.watching.listing()[0].orders.pattern == "{label}_{number}"
    assert images["a_0003"].fact("exposure_number") == 3
    assert images["a_0003"].fact("navigator_label") == "a"
    assert images["b_0004"].fact("exposure_number") is None
