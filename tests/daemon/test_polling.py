"""Where the kernel reports nothing, folders are looked through, and nothing else is different."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.importing.watching.settle import FAST_S
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.place import lacks_events
from tests.daemon.running import wait_for
from tests.daemon.watched import Session, write_micrograph

MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/data /data nfs4 rw 0 0
/dev/sdb1 /scratch xfs rw 0 0
me@host:/x /scratch/far\\040away fuse.sshfs rw 0 0
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project that knows its pixel size."""
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as made:
        yield made


def let_time_go_by(session: Session, seconds: float) -> None:
    """Step as the importer's thread does: only when something is due."""
    end = session.clock.now + seconds
    while session.clock.now < end:
        session.clock.now += max(0.01, session.importer.step())


@pytest.mark.parametrize(
    ("folder", "lacks"),
    [
        ("/data/session", True),
        ("/database", False),
        ("/home/me", False),
        ("/scratch/near", False),
        ("/scratch/far away/a", True),
        ("/scratch", True),
    ],
)
def test_network_and_user_space_mounts_report_nothing(folder: str, lacks: bool) -> None:
    """At the folder or somewhere below it."""
    assert lacks_events(Path(folder), MOUNTS) == lacks


def test_files_on_a_network_mount_are_found_by_polling(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In old and new folders, within seconds, and inodes that change mean nothing there."""
    monkeypatch.setattr("cryobatch.daemon.follower.lacks_events", lambda _: True)
    folder = tmp_path / "microscope"
    folder.mkdir()
    session = Session.begin(project, folder)
    let_time_go_by(session, 2)
    write_micrograph(folder / "a.mrc", 1)
    let_time_go_by(session, 2 * FAST_S + 3)
    assert session.names() == ["a"]
    (folder / "new").mkdir()
    path = write_micrograph(folder / "new" / "b.mrc", 2)
    let_time_go_by(session, 2 * FAST_S + 3)
    assert session.names() == ["a", "b"]
    assert session.project.watching.listing()[0].status["state"] == "polling"
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    let_time_go_by(session, 60)
    assert session.names() == ["a", "b"]
    assert session.told(Level.WARNING) == []
    assert session.project.watching.listing()[0].reason(works=True)
    session.importer.close()


def test_a_system_without_watches_left_is_polled(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, with the system's reason."""

    def refuse(*_: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr("cryobatch.daemon.follower.Events", refuse)
    folder = tmp_path / "microscope"
    folder.mkdir()
    session = Session.begin(project, folder)
    let_time_go_by(session, 2)
    write_micrograph(folder / "a.mrc", 1)
    let_time_go_by(session, 2 * FAST_S + 3)
    assert session.names() == ["a"]
    (warning,) = session.told(Level.WARNING)
    assert "limit reached" in warning
    session.importer.close()


def test_a_name_that_is_no_text_costs_a_folder_no_events(project: Project, tmp_path: Path) -> None:
    """It is listed itself, told once, and what comes after it is found by events as before."""
    folder = tmp_path / "microscope"
    folder.mkdir()
    session = Session.begin(project, folder)
    session.importer.step()
    (folder / os.fsdecode(b"\xff\xfe.mrc")).write_bytes(b"?")
    write_micrograph(folder / "a.mrc", 1)

    def status() -> dict[str, object]:
        session.clock.now += 0.05
        session.importer.step()
        return dict(session.project.watching.listing()[0].status)

    wait_for(lambda: status()["state"] == "watching" and session.names() == ["a"], "a.mrc")
    scanned_at = status()["scanned_at"]
    write_micrograph(folder / "b.mrc", 2)
    wait_for(lambda: status() and session.names() == ["a", "b"], "b.mrc")
    assert status()["scanned_at"] == scanned_at
    (warning,) = session.told(Level.WARNING)
    assert "no text in UTF-8" in warning
    session.importer.close()
