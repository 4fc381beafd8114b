"""A disk that fills up holds importing and processing in time, and lets them go on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cryobatch.daemon.disk_guard import FULL_PAUSE_S, DiskGuard
from cryobatch.importing import Take
from cryobatch.model import BatchState
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.disk_limits import limit_bytes
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.running import count_of, wait_for
from tests.daemon.watched import Clock
from tests.recording_files import write_mrc

GIGABYTE = 10**9
MOVIE_BYTES = 2_000_000


class Disk:
    """A disk of 1000 GB that is as full as a test says."""

    def __init__(self, free_gb: float) -> None:
        """Begin."""
        self.free_gb = free_gb

    def __call__(self, _: Path) -> tuple[int, int]:
        """Return all bytes and free ones."""
        return 1000 * GIGABYTE, int(self.free_gb * GIGABYTE)


def texts(project: Project, level: Level) -> list[str]:
    """Return the log's lines of a level."""
    return [row.text for row in project.log.page(limit=100) if row.level is level]


def test_a_person_is_warned_then_all_is_held_then_it_goes_on(new_project: MakeProject) -> None:
    """Each is told once; a little room more is not enough to go on."""
    project = new_project(0)
    clock, disk = Clock(), Disk(60)
    guard = DiskGuard(project, usage=disk, clock=clock)
    told: list[tuple[int, int]] = []
    for free_gb, held in ((60, False), (40, False), (39, False), (9.9, True), (9, True),
                          (10.5, True), (13, False), (60, False)):  # fmt: skip
        disk.free_gb = free_gb
        clock.now += 2
        assert (guard.look() is not None) == held, free_gb
        assert (project.queue.why_held() is not None) == held
        told.append((len(texts(project, Level.WARNING)), len(texts(project, Level.ERROR))))
    assert told == [(0, 0), (1, 0), (1, 0), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)]
    assert "there is room" in texts(project, Level.INFO)[0]
    assert not project.queue.is_paused()


def test_the_disk_is_not_asked_all_the_time(new_project: MakeProject) -> None:
    """Once a second is enough."""
    clock, asked = Clock(), []

    def usage(folder: Path) -> tuple[int, int]:
        asked.append(folder)
        return 1000 * GIGABYTE, 500 * GIGABYTE

    guard = DiskGuard(new_project(0), usage=usage, clock=clock)
    for _ in range(10):
        guard.look()
    assert len(asked) == len(set(asked))


def test_copies_that_would_fill_the_disk_are_not_begun(new_project: MakeProject) -> None:
    """Though there is room for links."""
    guard = DiskGuard(new_project(0), usage=Disk(12), clock=Clock())
    assert guard.lacks_room(0) is None
    assert guard.lacks_room(GIGABYTE) is None
    assert "make room" in str(guard.lacks_room(3 * GIGABYTE))


def test_all_is_held_for_a_while_when_a_script_found_no_room(new_project: MakeProject) -> None:
    """The limits said that there was some: what others have written may be gone soon."""
    project, clock, disk = new_project(0), Clock(), Disk(100)
    guard = DiskGuard(project, usage=disk, clock=clock)
    assert guard.look() is None
    guard.note_full("/scratch/stack.mrc: there is no room on the disk")
    assert str(guard.look()).startswith("/scratch/stack.mrc: there is no room on the disk: ")
    clock.now += FULL_PAUSE_S - 1
    assert project.queue.why_held() == guard.look()
    clock.now += 2
    assert guard.look() is None
    assert project.queue.why_held() is None
    assert len(texts(project, Level.ERROR)) == 1


def test_limits_are_those_of_the_settings_or_suit_the_disk() -> None:
    """A small disk is not held for ever by the usual limits; what a person says holds."""
    assert limit_bytes(None, (10.0, 0.02), 10_000 * GIGABYTE) == 10 * GIGABYTE
    assert limit_bytes(None, (10.0, 0.02), 100 * GIGABYTE) == 2 * GIGABYTE
    assert limit_bytes(50.0, (10.0, 0.02), 100 * GIGABYTE) == 50 * GIGABYTE
    assert limit_bytes(0.0, (10.0, 0.02), 100 * GIGABYTE) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of its own, of 64 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing(
    small_disk: Path, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """Copies stop before the disk is full, with a message; with room again all come in."""
    source = tmp_path / "microscope"
    source.mkdir()
    frames = np.random.default_rng(1).integers(1, 99, (1, 1000, 1000)).astype(np.int16)
    for number in range(30):
        frames[0, 0, 0] = number
        write_mrc(source / f"{number:02d}.mrc", frames)
    with Project.create(small_disk / "project", facts={"pixel_size": 1.5}) as project:
        with project.place.settings.open("a") as file:
            file.write("\n[disk]\nwarn_gb = 0.04\nhold_gb = 0.02\n")
        project.reload()
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(10_000_000))
        project.queue.pause()
        choice = Choice(scripts=("pick_particles",))
        project.watching.add(source, Orders(choice=choice, take=Take.COPY))
        daemon = start_daemon(project)

        def is_told() -> bool:
            return any("make room" in text for text in texts(project, Level.ERROR))

        wait_for(is_told, "a word about the disk", 60)
        taken = count_of(project, BatchState.WAITING)
        assert 5 < taken < 20
        assert shutil.disk_usage(small_disk).free > 15_000_000
        for image in project.images.rows()[:5]:  # moved to the archive, say
            (project.images.folder(int(str(image["id"]))) / f"{image['name']}.mrc").unlink()
        ballast.unlink()
        wait_for(lambda: count_of(project, BatchState.WAITING) > taken + 4, "further images", 60)
        subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
        wait_for(lambda: count_of(project, BatchState.WAITING) == 30, "all images", 60)
        assert daemon.stop() == ""
        assert len({row["name"] for row in project.images.rows()}) == 30
