"""A gain reference is studied in all orientations, with pictures, and turned right."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.gain_orientation import Orientation
from cryobatch.imaging.gain_pictures import draw_counts, expected_counts, shrink_counts
from cryobatch.imaging.simulate_camera import make_camera
from cryobatch.model import RunRecord
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project, Selection, images
from cryobatch.project.gain_study import RAW, GainStudies
from cryobatch.project.gain_turning import find_unfinished, turn_gain
from cryobatch.project.recent_facts import find_recent_facts
from cryobatch.project.update_journal import FOLDER, finish_updates, keep_journal
from cryobatch.project.watching import Orders
from tests.recording_files import write_mrc


def import_movies(project: Project, folder: Path, shape: tuple[int, int]) -> None:
    """Import three movies of raw counts; the reference's file is turned back by 90°."""
    camera = make_camera(shape, gain_deviation=0.1, hot=0, dead=2, seed=1)
    random = np.random.default_rng(3)
    movies = folder / "movies"
    movies.mkdir()
    write_mrc(folder / "camera.mrc", orient_reference(camera.gain, 3, 0)[None])
    for number in range(3):
        counts = random.poisson(60.0 * camera.rates, (4, *shape)).astype(np.int16)
        write_mrc(movies / f"m{number}.mrc", counts, 1.5)
    project.import_recordings([movies], submit=False, facts={"gain": folder / "camera.mrc"})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return an empty project."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    with Project.create(tmp_path / "project") as project:
        yield project


@pytest.mark.parametrize(("shape", "number"), [((128, 128), 8), ((96, 128), 4)])
def test_every_orientation_is_weighed_and_drawn(
    project: Project, tmp_path: Path, shape: tuple[int, int], number: int
) -> None:
    """The right one of eight, or of the four that an oblong camera admits, whatever was set."""
    import_movies(project, tmp_path, shape)
    studies = GainStudies(project)
    use = studies.find_gain()
    assert (use.configured, use.source) == (Orientation(), "option --gain")
    study = studies.study(use)
    assert study.problem == ""
    assert len(study.fits) == number
    best = max(study.fits, key=lambda one: study.fits[one])
    assert best == Orientation(1, 0)
    assert study.fits[best] == pytest.approx(1.0, abs=0.1)
    assert all(abs(fit) < 0.2 for one, fit in study.fits.items() if one != best)
    assert set(study.pictures) == {RAW, *(f"{one.rotation}-{one.flip}" for one in study.fits)}
    for picture in study.pictures.values():
        assert imagecodecs.jpeg_decode(picture).shape[:2] == shape
    assert studies.study(studies.find_gain()) is study


def test_a_gain_is_turned_for_images_that_are_there_and_will_come(
    project: Project, tmp_path: Path
) -> None:
    """Facts of all images are corrected, and watched folders have it in their orders."""
    import_movies(project, tmp_path, (64, 64))
    project.watching.add(tmp_path / "movies", Orders(facts={"voltage": 300.0}), active=False)
    assert len(turn_gain(project, Orientation(1, 0))) == 3
    assert GainStudies(project).find_gain().configured == Orientation(1, 0)
    (watched,) = project.watching.listing()
    assert watched.orders.facts == {"voltage": 300.0, "gain_rotation": 1, "gain_flip": 0}
    assert not watched.active


def test_what_cannot_be_studied_says_why(project: Project, tmp_path: Path) -> None:
    """No movie, no gain, a gain that is gone or of another size."""
    studies = GainStudies(project)
    assert "no gain reference" in studies.study(studies.find_gain()).problem
    import_movies(project, tmp_path, (64, 64))
    (tmp_path / "camera.mrc").unlink()
    write_mrc(tmp_path / "camera.mrc", np.ones((1, 32, 32), np.float32))
    assert "does not fit" in studies.study(studies.find_gain()).problem
    (tmp_path / "camera.mrc").unlink()
    assert "cannot be read" in studies.study(studies.find_gain()).problem


def test_recent_facts_name_all_sources(project: Project, tmp_path: Path) -> None:
    """How many images have a fact from which source; a person's correction is one."""
    import_movies(project, tmp_path, (64, 64))
    turn_gain(project, Orientation(1, 0))
    found = find_recent_facts(project)
    facts = {one.name: one for one in found.facts}
    assert found.images == 3
    assert facts["pixel_size"].sources == {"MRC header": 3}
    assert facts["gain_rotation"].sources == {"a person": 3}
    assert facts["gain_rotation"].values == {1: 3}
    assert next(iter(facts)) == "pixel_size"


def test_expected_counts_are_bright_where_the_camera_counts_more() -> None:
    """The inverse of a gain; a dead pixel is dark; a picture has row 0 at its bottom."""
    gain = np.full((8, 8), 1.0, np.float32)
    gain[0, 0], gain[0, 1] = 0.5, 0.0
    expected = expected_counts(gain)
    assert (expected[0, 0], expected[0, 1], expected[4, 4]) == (2.0, 0.0, 1.0)
    assert shrink_counts(expected).shape == (8, 8)
    assert draw_counts(expected)[-1, 0] > draw_counts(expected)[0, 0]


def give_result(project: Project, image_id: int) -> None:
    """Give an image a result that was made with the gain as it is turned now."""
    folder = project.images.folder(image_id)
    record = read_record(folder)
    run = RunRecord(
        version="1", fingerprint="of another orientation", parameters={}, tools={}, host="here",
        processor="local-1", batch=1, started_at="2026-01-01T00:00:00Z", seconds=1.0,
        memory_bytes=1, products={},
    )  # fmt: skip
    write_record(folder, replace(record, runs={"unpack": run}))


def turned(project: Project) -> list[int]:
    """Return the images whose gain is turned by 90°, as their files say."""
    ids = project.images.select(Selection(everything=True))
    return [one for one in ids if project.images.record(one).fact("gain_rotation") == 1]


def test_a_turn_that_was_stopped_is_remembered_and_finished(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is turned stays so; the same again turns those that are left, and no others."""
    import_movies(project, tmp_path, (64, 64))
    monkeypatch.setattr(images, "UPDATED_AT_ONCE", 2)

    def stop(_: int, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turn_gain(project, Orientation(1, 0), done=stop)
    assert turned(project) == [1, 2]
    assert find_unfinished(project) == Orientation(1, 0)
    assert turn_gain(project, Orientation(1, 0)) == [3]
    assert find_unfinished(project) is None


KILLED = """
import os, signal, sys
from pathlib import Path
from cryobatch.imaging.gain_orientation import Orientation
from cryobatch.project import Project, images
from cryobatch.project.gain_turning import turn_gain

images.UPDATED_AT_ONCE = 2
with Project.open(Path(sys.argv[1])) as project:
    if sys.argv[2] == "written":  # the files are changed, the library does not know
        images.Images._index_reads = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    turn_gain(project, Orientation(1, 0), done=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.parametrize("when", ["written", "indexed"])
def test_a_killed_turn_leaves_files_and_library_in_step(
    project: Project, tmp_path: Path, when: str
) -> None:
    """Whenever it comes: what is turned is stale, what is not is as it was; then it is finished."""
    import_movies(project, tmp_path, (64, 64))
    for image_id in (1, 2, 3):
        give_result(project, image_id)
    with project.database.transaction() as t:
        t.execute("UPDATE image SET stale = '[]'")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(project.place.folder), when], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert turned(project) == [1, 2]
    with Project.open(project.place.folder) as again:
        assert again.images.select(Selection(where="stale")) == [1, 2]
        assert list((again.place.state / FOLDER).iterdir()) == []
        assert find_unfinished(again) == Orientation(1, 0)
        assert turn_gain(again, Orientation(1, 0)) == [3]
        assert again.images.select(Selection(where="stale")) == [1, 2, 3]
        assert find_unfinished(again) is None


def test_an_update_that_goes_on_is_left_alone(project: Project, tmp_path: Path) -> None:
    """Who opens the project meanwhile takes nothing for abandoned."""
    import_movies(project, tmp_path, (64, 64))
    seen: list[int] = []
    with keep_journal(project.place.state, [1, 2]):
        finish_updates(project.place.state, seen.extend)
    finish_updates(project.place.state, seen.extend)
    assert seen == []
