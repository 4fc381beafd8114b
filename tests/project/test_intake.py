"""Taking recordings in: once, whole, with what is known about them."""

import os
from pathlib import Path

import numpy as np
import pytest

from cryobatch.errors import CryobatchError, MissingFactError, ProjectError
from cryobatch.importing import Take
from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project
from cryobatch.project.submission import Choice
from cryobatch.store import library
from tests.recording_files import write_mrc, write_tiff

FACTS = {"pixel_size": 1.5, "voltage": 300, "cs": 2.7}
PICK = Choice(scripts=("pick_particles",))


def write_sums(folder: Path, count: int) -> Path:
    """Write micrographs that differ from each other."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        image = np.full((1, 32, 32), number, np.int16)
        write_mrc(folder / f"image_{number}.mrc", image)
    return folder


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the machine's own settings out; returns where a test may write a site's."""
    path = tmp_path / "site.toml"
    path.touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return path


def test_same_recording_is_one_image(tmp_path: Path) -> None:
    """The same recording again, or under another folder, is not a new image."""
    folder = write_sums(tmp_path / "session", 3)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        first = project.import_recordings([folder], choice=PICK)
        (tmp_path / "elsewhere").mkdir()
        for path in folder.iterdir():
            os.link(path, tmp_path / "elsewhere" / path.name)
        again = project.import_recordings([folder, tmp_path / "elsewhere"], choice=PICK)
        assert (len(first.images), len(first.batches)) == (3, 3)
        assert (again.images, again.batches, again.known) == ((), (), 6)
        assert len(project.images.rows()) == 3


def test_unknown_facts_are_asked_for_before_anything_is_registered(tmp_path: Path) -> None:
    """What a script must know and nobody said is an error that names each option."""
    folder = write_sums(tmp_path / "session", 2)
    with Project.create(tmp_path / "project") as project:
        with pytest.raises(MissingFactError) as asked:
            project.import_recordings([folder], choice=Choice(scripts=("fit_ctf",)))
        for option in ("--pixel-size", "--voltage", "--cs"):
            assert option in str(asked.value)
        assert project.images.rows() == []
        assert list(project.place.images.iterdir()) == []


def test_dose_of_movies_is_asked_for(tmp_path: Path) -> None:
    """Drift correction weights by dose, so an import of movies asks for it."""
    write_tiff(tmp_path / "movie.tiff", np.ones((3, 32, 32), np.uint8))
    with (
        Project.create(tmp_path / "project", facts=FACTS) as project,
        pytest.raises(MissingFactError, match="--dose-per-frame"),
    ):
        project.import_recordings([tmp_path / "movie.tiff"])


@pytest.mark.parametrize(("take", "stays"), [("link", True), ("copy", True), ("move", False)])
def test_ways_of_taking(tmp_path: Path, take: str, stays: bool) -> None:
    """Link leaves the recording where it is, copy doubles it, move removes it afterwards."""
    folder = write_sums(tmp_path / "session", 1)
    source = folder / "image_0.mrc"
    content = source.read_bytes()
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], take=Take(take), choice=PICK)
        place = project.images.folder(report.images[0])
        root = place / project.images.record(report.images[0]).image.root_file
        assert root.read_bytes() == content
        assert source.exists() is stays
        assert (root == source) is (take == "link")


def test_names_are_unique_in_a_group(tmp_path: Path) -> None:
    """Two recordings of one name in one group become two images."""
    for disc, value in (("disc1", 1), ("disc2", 2)):
        (tmp_path / disc / "square").mkdir(parents=True)
        frame = np.full((1, 16, 16), value, np.int16)
        write_mrc(tmp_path / disc / "square" / "image.mrc", frame)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        project.import_recordings([tmp_path / "disc1", tmp_path / "disc2"], choice=PICK)
        names = [str(row["name"]) for row in project.images.rows()]
        assert names == ["image", "image_2"]


def import_and_die(project: Project, folder: Path, take: Take) -> None:
    """Die when the folders of images are made, and nothing is registered."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "register", die)
        with pytest.raises(KeyboardInterrupt):
            project.import_recordings([folder], choice=PICK, take=take)


def test_interrupted_registration_is_taken_up(tmp_path: Path) -> None:
    """Folders that a killed import has made, and not registered, are used and not doubled."""
    folder = write_sums(tmp_path / "session", 2)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        import_and_die(project, folder, Take.LINK)
        left = sorted(path.parent.name for path in project.place.images.glob("*/*/image.toml"))
        assert left == ["image_0", "image_1"]
        report = project.import_recordings([folder], choice=PICK)
        assert len(report.images) == len(report.batches) == 2
        assert sorted(path.name for path in (project.place.images / "session").iterdir()) == left


@pytest.mark.parametrize("take", [Take.LINK, Take.COPY])
def test_a_recording_rewritten_after_an_interrupted_registration_keeps_its_name(
    tmp_path: Path, take: Take
) -> None:
    """The folder that a killed import had made for it is made anew: nobody knows that one."""
    folder = write_sums(tmp_path / "session", 2)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        import_and_die(project, folder, take)
        (folder / "image_1.mrc").unlink()
        write_mrc(folder / "image_1.mrc", np.full((1, 48, 32), 7, np.int16))
        report = project.import_recordings([folder], choice=PICK, take=take)
        assert len(report.images) == 2
        assert [row["name"] for row in project.images.rows()] == ["image_0", "image_1"]
        assert len(list(project.place.images.glob("*/*/image.toml"))) == 2


def test_registered_but_not_submitted_is_submitted(tmp_path: Path) -> None:
    """Images that a killed import had registered get their batches at the next import."""
    folder = write_sums(tmp_path / "session", 2)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        project.import_recordings([folder], submit=False)
        report = project.import_recordings([folder], choice=PICK)
        assert (report.images, len(report.batches)) == ((), 2)


def test_what_persons_say_comes_first(tmp_path: Path, site: Path) -> None:
    """An option holds before the project's settings, and these before a file's header."""
    write_mrc(tmp_path / "image.mrc", np.ones((1, 16, 16), np.int16), pixel_size_angstrom=3.25)
    site.write_text("[acquisition]\nvoltage = 120\ncs = 2.0\n")
    with Project.create(tmp_path / "project", facts={"voltage": 200}) as project:
        report = project.import_recordings([tmp_path / "image.mrc"], facts={"cs": 0.5}, choice=PICK)
        record = project.images.record(report.images[0])
        found = {name: record.fact(name) for name in ("pixel_size", "voltage", "cs")}
        assert found == {"pixel_size": 3.25, "voltage": 200.0, "cs": 0.5}
        assert record.acquisition["voltage"].source == "project.toml"
        assert record.acquisition["cs"].source == "option --cs"


def test_broken_files_do_not_stop_the_others(tmp_path: Path) -> None:
    """A truncated recording is reported with its name, and the others are imported."""
    folder = write_sums(tmp_path / "session", 2)
    broken = folder / "image_9.mrc"
    broken.write_bytes((folder / "image_0.mrc").read_bytes()[:-100])
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], choice=PICK)
        assert len(report.images) == 2
        assert [item.path for item in report.refused] == [broken]
        assert "image_9.mrc" in report.refused[0].reason


def test_failing_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that cannot be copied is reported, and leaves no image behind."""
    folder = write_sums(tmp_path / "session", 2)

    def fail(source: Path, *_: object) -> str:
        raise ProjectError(f"{source}: no room")

    monkeypatch.setattr("cryobatch.project.registration.take_recording", fail)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], take=Take.COPY, choice=PICK)
        assert (report.images, len(report.refused)) == ((), 2)
        assert project.images.rows() == []


def test_parameters_are_checked_before_anything_is_registered(tmp_path: Path) -> None:
    """A wrong parameter is an error at once, not in every batch at night."""
    folder = write_sums(tmp_path / "session", 1)
    wrong = Choice(scripts=("pick_particles",), parameters={"pick_particles": {"diameter": -5.0}})
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        with pytest.raises(CryobatchError, match="diameter"):
            project.import_recordings([folder], choice=wrong)
        assert project.images.rows() == []


def test_record_names_the_source(tmp_path: Path) -> None:
    """The parameter file says where the recording came from and what it is."""
    folder = write_sums(tmp_path / "session", 1)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], choice=PICK)
        image = read_record(project.images.folder(report.images[0])).image
        assert image.source == str(folder / "image_0.mrc")
        assert (image.root_product, image.rows, image.frames) == ("micrograph", 32, 1)


def test_parameters_hold_for_the_images(tmp_path: Path) -> None:
    """What is given at the import holds whenever the images are processed again."""
    folder = write_sums(tmp_path / "session", 1)
    given = Choice(scripts=("pick_particles",), parameters={"pick_particles": {"diameter": 90.0}})
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], choice=given)
        record = project.images.record(report.images[0])
        assert record.parameters == {"pick_particles": {"diameter": 90.0}}
        assert project.queue.listing()[0].batch.parameters == {}


def test_a_kind_that_cannot_be_processed_stops_no_other(tmp_path: Path) -> None:
    """Of movies and sums in one folder those are imported that the chosen scripts are for."""
    folder = write_sums(tmp_path / "session", 1)
    write_mrc(folder / "movie.mrc", np.ones((3, 32, 32), np.int16))
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], choice=Choice(scripts=("unpack",)))
        assert [row["name"] for row in project.images.rows()] == ["movie"]
        assert [item.path.name for item in report.refused] == ["image_0.mrc"]
        assert "micrograph" in report.refused[0].reason


def test_an_unknown_workflow_is_an_error_even_when_nothing_is_new(tmp_path: Path) -> None:
    """Who mistypes is told, also at the second import."""
    folder = write_sums(tmp_path / "session", 1)
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        project.import_recordings([folder], choice=PICK)
        with pytest.raises(CryobatchError, match="nope"):
            project.import_recordings([folder], choice=Choice(workflow="nope"))


def test_watched_recordings_wait_one_by_one_for_their_facts(tmp_path: Path) -> None:
    """One recording of which too little is known does not hold up the others."""
    folder = write_sums(tmp_path / "session", 1)
    write_mrc(folder / "known.mrc", np.ones((1, 32, 32), np.int16), pixel_size_angstrom=2.5)
    with Project.create(tmp_path / "project") as project:
        report = project.import_recordings([folder], choice=PICK, patient=True)
        assert [row["name"] for row in project.images.rows()] == ["known"]
        assert "--pixel-size" in report.refused[0].reason


def test_dose_is_not_asked_for_where_nobody_weights_by_it(tmp_path: Path) -> None:
    """With dose weighting switched off the dose may stay unknown."""
    write_tiff(tmp_path / "movie.tiff", np.ones((3, 32, 32), np.uint8))
    choice = Choice(parameters={"correct_drift": {"dose_weighting": False}})
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([tmp_path / "movie.tiff"], choice=choice)
        assert len(report.batches) == 1
