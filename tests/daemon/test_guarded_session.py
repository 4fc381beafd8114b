"""A guarded session: simulated movies with a wrong gain and a wrong dose, as a daemon sees them."""

from pathlib import Path

import pytest

from cryobatch.formats.mrc import write_image
from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie, simulated_camera
from cryobatch.imaging.simulate_camera import Camera
from cryobatch.model.event import Level
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from tests.daemon.running import RunningDaemon
from tests.recording_files import write_tiff

MOVIES = 6
SETTINGS = SimulationSettings(rows=256, columns=256, frames=5, dose_per_frame=3.0)
SCRIPTS = ("unpack", "correct_drift", "calculate_statistics")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with movies, and their camera's gain turned by 90° in another one."""
    camera = simulated_camera(SETTINGS, 3)
    record(tmp_path / "day", camera, range(MOVIES))
    (tmp_path / "camera").mkdir()
    write_image(tmp_path / "camera" / "gain.mrc", orient_reference(camera.gain, 1, 0), 1.5)
    return tmp_path / "day"


def record(folder: Path, camera: Camera, numbers: range) -> None:
    """Write simulated movies of a camera."""
    folder.mkdir()
    for number in numbers:
        movie = simulate_movie(SETTINGS, 50 + number, camera=camera, threads=1)
        write_tiff(folder / f"m{number}.tif", movie.frames)


def warnings(project: Project) -> list[str]:
    """Return the log's warnings about the session, oldest first."""
    rows = project.log.page(descending=False, limit=1000)
    return [row.text for row in rows if row.level is Level.WARNING and row.image_id is None]


def work(project: Project) -> None:
    """Let a daemon work the queue until it is empty."""
    assert RunningDaemon.start(project.place.folder, "run", 2).finish() == 0


def test_wrong_gains_and_a_wrong_dose_are_told_and_flagged(folder: Path, tmp_path: Path) -> None:
    """Each movie is red, the log says once what to do, and that puts all right.

    When the camera changes in mid-session, the images from there on are red and no others.
    """
    facts = {
        "pixel_size": 1.5, "voltage": 300.0, "cs": 2.7, "dose_per_frame": 12.0,
        "gain": str(tmp_path / "camera" / "gain.mrc"),
    }  # fmt: skip
    with Project.create(tmp_path / "project", facts=facts) as project:
        project.import_recordings([folder], choice=Choice(scripts=SCRIPTS))
        work(project)
        rows = project.images.rows()
        assert [row["flag"] for row in rows] == ["red"] * MOVIES
        assert all("gain_rotation=3 gain_flip=0 fits" in str(r["quality_reasons"]) for r in rows)
        gain, dose = sorted(warnings(project))
        assert "image set gain_rotation=3 gain_flip=0 --all" in gain
        assert dose.startswith("the measured dose is 0.2")
        everything = Selection(everything=True)
        right = {"gain_rotation": 3, "gain_flip": 0, "dose_per_frame": 3.0}
        project.correct_facts(everything, right)
        project.submit(everything, Choice(scripts=SCRIPTS))
        work(project)
        reasons = [str(row["quality_reasons"]) for row in project.images.rows()]
        assert not any("gain" in text or "dose" in text for text in reasons)
        assert len(warnings(project)) == 2
        # In mid-session the camera is conditioned anew, and its gain reference is not.
        record(tmp_path / "later", simulated_camera(SETTINGS, 4), range(MOVIES, MOVIES + 2))
        project.import_recordings([tmp_path / "later"], facts=right, choice=Choice(SCRIPTS))
        work(project)
        told = [str(row["gain_verdict"]) for row in project.images.rows()]
        assert told == ["fits"] * MOVIES + ["foreign"] * 2
        assert [row["flag"] for row in project.images.rows()][MOVIES:] == ["red"] * 2
        assert f"fits no more since image {MOVIES + 1}" in warnings(project)[-1]
