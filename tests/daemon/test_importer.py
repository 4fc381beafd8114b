"""The importer takes in what has settled, once, and says what it cannot take."""

from pathlib import Path

import numpy as np
import pytest

from cryobatch.daemon.importer import Importer, Watch
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.submission import Choice
from tests.recording_files import write_mrc

PICK = Choice(scripts=("pick_particles",))


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


def texts(project: Project, level: Level) -> list[str]:
    """Return the log's lines of a level."""
    return [row.text for row in project.log_page(limit=100) if row.level is level]


def test_takes_what_has_settled_once(tmp_path: Path) -> None:
    """A recording that looks the same at two scans is imported, and only once."""
    folder = tmp_path / "microscope"
    folder.mkdir()
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as project:
        importer = Importer(project, Watch([folder], choice=PICK))
        path = write_mrc(folder / "a.mrc", np.ones((1, 16, 16), np.int16))
        importer.scan()
        assert project.images.rows() == []
        for _ in range(3):
            importer.scan()
        assert [row["name"] for row in project.images.rows()] == ["a"]
        assert len(project.queue.listing()) == 1
        assert path.exists()


def test_unfinished_file_is_told_once_and_taken_when_whole(tmp_path: Path) -> None:
    """A file that stops growing too early is in the log once; when it is whole it is taken."""
    folder = tmp_path / "microscope"
    folder.mkdir()
    whole = write_mrc(tmp_path / "whole.mrc", np.ones((1, 16, 16), np.int16)).read_bytes()
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as project:
        importer = Importer(project, Watch([folder], choice=PICK))
        (folder / "a.mrc").write_bytes(whole[:-100])
        for _ in range(4):
            importer.scan()
        assert len([line for line in texts(project, Level.ERROR) if "a.mrc" in line]) == 1
        (folder / "a.mrc").write_bytes(whole)
        for _ in range(3):
            importer.scan()
        assert [row["name"] for row in project.images.rows()] == ["a"]


def test_missing_folder_is_waited_for(tmp_path: Path) -> None:
    """A folder that is not there is told once, and used when it comes."""
    folder = tmp_path / "later"
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as project:
        importer = Importer(project, Watch([folder], choice=PICK))
        importer.scan()
        importer.scan()
        assert len(texts(project, Level.WARNING)) == 1
        folder.mkdir()
        write_mrc(folder / "a.mrc", np.ones((1, 16, 16), np.int16))
        importer.scan()
        importer.scan()
        assert len(project.images.rows()) == 1


def test_unknown_fact_is_told_and_does_not_end_the_thread(tmp_path: Path) -> None:
    """What cannot be imported yet is in the log, and the thread goes on until it is stopped."""
    folder = tmp_path / "microscope"
    folder.mkdir()
    write_mrc(folder / "a.mrc", np.ones((1, 16, 16), np.int16))
    with Project.create(tmp_path / "project") as project:
        importer = Importer(project, Watch([folder], choice=PICK))
        importer.scan()
        importer.start()  # its first scan is at once
        importer.stop()
        assert any("--pixel-size" in line for line in texts(project, Level.ERROR))
        assert project.images.rows() == []
