"""Watched folders and the map's pictures outlive the database."""

from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.errors import ProjectError
from cryobatch.importing import Take, find_recordings
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.project import Project
from cryobatch.project.keepsakes import OVERVIEWS_FILE, WATCHES_FILE, Restored, restore
from cryobatch.project.positions import note_overviews
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders
from cryobatch.store import positions
from cryobatch.store.database import Database
from tests.daemon.watched import write_micrograph

SQUARE = Overview(
    OverviewKind.SQUARE, "7", "/session/square_ü.xml", None, 1.5, -2.0, (0.1, 0.0), (0.0, 0.1), 4, 3
)
ORDERS = Orders(
    {"pixel_size": 1.5}, Take.COPY, 20.0, choice=Choice(scripts=("pick_particles",), top=True),
    patterns=Patterns(ignore=("old/*",)), pattern="{grid}_*",
)  # fmt: skip


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


def note(project: Project, folder: Path, *overviews: Overview) -> None:
    """Note pictures that a recording has brought along."""
    path = folder / "a.mrc"
    if not path.exists():
        write_micrograph(path)
    (recording,) = find_recordings([path]).recordings
    note_overviews(project.images, [replace(recording, overviews=overviews)])


def renew_database(project: Project) -> Database:
    """Lose the database; returns an empty one."""
    project.close()
    project.place.database.unlink()
    return Database.create(project.place.database)


def known_overviews(database: Database) -> list[Overview]:
    """Return the pictures that a database knows."""
    with database.reading() as r:
        return list(positions.overviews(r).values())


def test_a_new_database_knows_watches_and_pictures_again(tmp_path: Path) -> None:
    """With their orders, started or stopped; what was removed or replaced is not there again."""
    project = Project.create(tmp_path / "project")
    project.watching.add(tmp_path / "one", ORDERS)
    project.watching.stop(project.watching.add(tmp_path / "two", Orders()))
    project.watching.remove(project.watching.add(tmp_path / "three", Orders()))
    before = [(w.folder, w.orders, w.active) for w in project.watching.listing()]
    newer = replace(SQUARE, picture="/session/square.jpg")
    note(project, tmp_path, SQUARE)
    note(project, tmp_path, SQUARE, newer)
    database = renew_database(project)
    assert restore(project.place.folder, database, 1.0) == Restored(2, 1)
    assert known_overviews(database) == [newer]
    assert restore(project.place.folder, database, 2.0) == Restored(0, 0)
    database.close()
    with Project.open(tmp_path / "project") as again:
        assert [(w.folder, w.orders, w.active) for w in again.watching.listing()] == before


def test_what_a_kill_has_cut_costs_one_picture(tmp_path: Path) -> None:
    """And none that comes later; a folder without keepsakes gives nothing."""
    project = Project.create(tmp_path / "project")
    assert restore(project.place.folder, project.database, 1.0) == Restored(0, 0)
    note(project, tmp_path, SQUARE)
    with (project.place.folder / OVERVIEWS_FILE).open("ab") as file:
        file.write(b'{"kind": "squ')
    note(project, tmp_path, replace(SQUARE, source="/session/other.xml"))
    database = renew_database(project)
    assert restore(project.place.folder, database, 1.0).overviews == 2
    database.close()


def test_watches_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """With the file's name, and what to do."""
    with Project.create(tmp_path / "project") as project:
        (project.place.folder / WATCHES_FILE).write_text("[{")
        with pytest.raises(ProjectError, match=r"watches\.json.*remove it"):
            restore(project.place.folder, project.database, 1.0)
