"""Daemons: one a project, several a machine, and what becomes of the work when one is gone."""

import contextlib
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.daemon.gate import MachineGate
from cryobatch.daemon.work import run_queue
from cryobatch.errors import ProjectBusyError
from cryobatch.model import BatchState
from cryobatch.processing.image_folder import image_lock
from cryobatch.project import Project
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.daemon_child import show_nothing
from tests.daemon.laboratory import QUICK, patient, rushing, write_family, write_python
from tests.daemon.running import (
    await_idle,
    begun,
    count_of,
    marked_processes,
    named,
    states,
    submit,
    wait_for,
)
from tests.projects import make_project


def with_scripts(project: Project) -> Path:
    """Give a project the quick and the patient script; return its folder."""
    folder = project.place.folder
    write_python(folder, QUICK)
    write_python(folder, patient(folder))
    return folder


def test_a_second_daemon_is_told_who_has_the_project(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Command, process, machine and time."""
    project = new_project(1)
    first = start_daemon(project)
    await_idle(project, 1)
    with pytest.raises(ProjectBusyError, match=f"'cryobatch serve'.*{first.process.pid}"):
        run_queue(project, processors=1, show=show_nothing)


def test_a_killed_daemon_holds_nothing(new_project: MakeProject, start_daemon: StartDaemon) -> None:
    """Its lock and its place on the machine are the kernel's; the next one goes on at once."""
    project = new_project(2, "[processors]\nmachine_limit = 1\n")
    folder = with_scripts(project)
    ids = submit(project, "patient")
    daemon = start_daemon(project)
    wait_for(lambda: begun(folder), "the script's beginning")
    daemon.kill()
    (folder / "go").touch()
    assert start_daemon(project, "run").finish() == 0
    assert states(project) == dict.fromkeys(ids, BatchState.DONE)
    assert [row.batch.losses for row in project.queue.listing((BatchState.DONE,))] == [0, 0]


def test_the_reaper_ends_what_a_killed_daemon_leaves(
    new_project: MakeProject, start_daemon: StartDaemon, mark: str
) -> None:
    """Processors in the middle of a script, programs, and their children in any group."""
    project = new_project(2)
    folder = with_scripts(project)
    write_family(folder, pause_s=100)
    submit(project, "patient", images=(1,))
    submit(project, "family", images=(2,))
    daemon = start_daemon(project, processors=2)
    wait_for(lambda: begun(folder) and len(named(mark, "sleep")) >= 4, "both scripts")
    daemon.kill()
    wait_for(lambda: not marked_processes(mark), "the end of all", 10)


def test_the_next_daemon_ends_what_is_left_when_the_reaper_was_killed_too(
    new_project: MakeProject, start_daemon: StartDaemon, mark: str
) -> None:
    """By the record that the daemon had kept, and by the processes' mark."""
    project = new_project(2)
    folder = with_scripts(project)
    write_family(folder, pause_s=100)
    submit(project, "patient", images=(1,))
    submit(project, "family", images=(2,))
    daemon = start_daemon(project, processors=2)
    wait_for(lambda: begun(folder) and len(named(mark, "sleep")) >= 4, "both scripts")
    for pid in _reapers(mark):
        os.kill(pid, signal.SIGKILL)
    daemon.kill()
    left = set(marked_processes(mark))
    assert len(left) >= 5
    project.queue.pause()
    next_one = start_daemon(project)
    await_idle(project, 1)
    assert left.isdisjoint(marked_processes(mark))
    assert next_one.stop() == ""


def _reapers(mark: str) -> list[int]:
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in marked_processes(mark)}
    return [pid for pid, line in lines.items() if b"cryobatch.daemon.reaper" in line]


def test_a_killed_reaper_is_replaced(
    new_project: MakeProject, start_daemon: StartDaemon, mark: str
) -> None:
    """As soon as there is something to tell it."""
    project = new_project(1)
    daemon = start_daemon(project)
    await_idle(project, 1)
    (reaper,) = _reapers(mark)
    os.kill(reaper, signal.SIGKILL)
    project.workforce.wish_number(2)
    await_idle(project, 2)
    (other,) = _reapers(mark)
    assert other != reaper
    daemon.kill()
    wait_for(lambda: not marked_processes(mark), "the end of all", 10)


def test_daemons_of_two_projects_share_the_machine(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Never more at once than there are places, and both get on."""
    settings = "[processors]\nmachine_limit = 2\n"
    projects = [new_project(6, settings), new_project(6, settings)]
    folders = [with_scripts(project) for project in projects]
    submit(projects[0], "patient")
    start_daemon(projects[0], processors=2)
    wait_for(lambda: len(begun(folders[0])) == 2, "the first project's batches")
    submit(projects[1], "patient")
    start_daemon(projects[1], processors=2)
    await_idle(projects[1], 2)
    with pytest.raises(AssertionError, match="in vain"):
        wait_for(lambda: begun(folders[1]), "a third batch", 0.5)
    for row in projects[0].queue.listing((BatchState.RUNNING,)):
        projects[0].queue.kill([row.batch.id])
    wait_for(lambda: begun(folders[1]), "the second project's share")
    wait_for(
        lambda: sum(count_of(project, BatchState.RUNNING) for project in projects) <= 2,
        "the note that the killed ones have ended",
    )
    assert len(begun(folders[1])) <= 2
    for folder in folders:
        (folder / "go").touch()
    wait_for(lambda: count_of(projects[0], BatchState.DONE) == 4, "the end of the first")
    wait_for(lambda: count_of(projects[1], BatchState.DONE) == 6, "the end of the second")


def test_a_place_goes_to_who_has_fewer_or_has_waited_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who comes back at once is served before one who waits."""
    monkeypatch.setattr("cryobatch.daemon.gate.LOOK_INTERVAL_S", 0.0)
    first, second, third = (MachineGate(tmp_path / "places", 2) for _ in range(3))
    assert first.enter(0)
    assert first.enter(1)
    assert not second.enter(0)
    assert not third.enter(0)
    first.leave(0)
    assert not first.enter(0)
    assert not third.enter(0)
    assert second.enter(0)
    first.leave(1)
    assert not first.enter(1)
    assert third.enter(0)
    second.leave(0)
    assert first.enter(1)
    for gate in (first, second, third):
        gate.close()


def test_a_changed_script_renews_the_processors(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """The next batch runs the new text."""
    project = new_project(2)
    folder = with_scripts(project)
    start_daemon(project)
    await_idle(project, 1)
    (before,) = (row.pid for row in project.workforce.listing())
    write_python(folder, QUICK.replace("42.0", "43.0"))
    wait_for(lambda: [row.pid for row in project.workforce.listing()] != [before], "the renewal")
    submit(project, "quick", images=(1,))
    wait_for(lambda: count_of(project, BatchState.DONE) == 1, "the batch")
    assert project.images.record(1).values["quick"] == {"answer": 43.0}


def test_a_script_that_is_only_used_renews_nothing(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Python puts its cache beside the script when a processor imports it."""
    project = new_project(2)
    folder = with_scripts(project)
    start_daemon(project)
    await_idle(project, 1)
    (before,) = (row.pid for row in project.workforce.listing())
    submit(project, "quick", images=(1,))
    wait_for(lambda: count_of(project, BatchState.DONE) == 1, "the batch")
    (folder / "scripts" / "__pycache__").mkdir(exist_ok=True)
    with pytest.raises(AssertionError, match="in vain"):
        wait_for(lambda: [r.pid for r in project.workforce.listing()] != [before], "a renewal", 1.2)


def test_broken_settings_are_reported_and_the_old_ones_kept(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """The daemon goes on, and takes up the settings when they are whole again."""
    project = new_project(2)
    with_scripts(project)
    start_daemon(project)
    await_idle(project, 1)
    whole = project.place.settings.read_text()
    project.place.settings.write_text(f"{whole}\n[processors\n")
    said = "settings are left as they were"
    wait_for(lambda: any(said in row.text for row in project.log.page()), "a word about it")
    submit(project, "quick", images=(1,))
    wait_for(lambda: count_of(project, BatchState.DONE) == 1, "a batch meanwhile")
    project.place.settings.write_text(f"{whole}\n[processors]\nthreads = 7\n")
    (project.place.folder / "go").touch()
    wait_for(lambda: _threads_of_a_run(project) == "7", "the new settings")


def _threads_of_a_run(project: Project) -> str:
    ids = submit(project, "patient", images=(2,), force=True)
    done = BatchState.DONE
    wait_for(lambda: all(states(project)[one] is done for one in ids), "the batch")
    return begun(project.place.folder)[-1].read_text().split()[3]


def test_a_locked_database_holds_nothing_up_for_good(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Another program keeps it for some seconds; then all goes on, and nothing is lost."""
    project = new_project(4)
    folder = with_scripts(project)
    ids = submit(project, "patient")
    daemon = start_daemon(project, "run")
    wait_for(lambda: begun(folder), "the script's beginning")
    other = sqlite3.connect(project.place.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    (folder / "go").touch()
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.process.wait(2)
    other.execute("ROLLBACK")
    other.close()
    assert daemon.finish() == 0
    assert states(project) == dict.fromkeys(ids, BatchState.DONE)


def test_an_image_that_cannot_be_written_fails_alone(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Its results could not be kept, its batch says so; the daemon and the others go on."""
    project = new_project(3)
    with_scripts(project)
    blocked = project.images.folder(2)
    (blocked / "image.toml").rename(blocked / "kept.toml")
    (blocked / "image.toml").mkdir()
    ids = submit(project, "quick")
    assert start_daemon(project, "run").finish() == 1
    found = states(project)
    assert [found[one] for one in ids] == [BatchState.DONE, BatchState.FAILED, BatchState.DONE]
    (failed,) = project.queue.listing((BatchState.FAILED,))
    assert "image.toml" in next(iter(failed.batch.failures.values()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of its own of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount, and not everywhere")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path, start_daemon: StartDaemon) -> None:
    """Neither results nor rows can be written; with room again, all batches are done."""
    with make_project(small_disk / "project", 3, scripts={}) as project:
        folder = with_scripts(project)
        submit(project, "patient")
        daemon = start_daemon(project)
        wait_for(lambda: begun(folder), "the script's beginning")
        (folder / "go").touch()
        _fill(small_disk)
        with pytest.raises(subprocess.TimeoutExpired):
            daemon.process.wait(1.5)
        (small_disk / "filler").unlink()
        wait_for(lambda: not _unfinished(project), "the end of all")
        assert project.queue.counts()[BatchState.CANCELLED] == 0
        for row in project.queue.listing((BatchState.FAILED,)):
            assert "No space left" in str(row.batch.failures)
        project.queue.retry()
        wait_for(lambda: not _unfinished(project), "what was tried again")
        assert "Traceback" not in daemon.stop()
        assert all(set(project.images.record(one).runs) == {"patient"} for one in (1, 2, 3))
        assert [row["waited"] for row in project.images.rows()] == [1.0, 1.0, 1.0]


def _fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def _unfinished(project: Project) -> int:
    return count_of(project, BatchState.WAITING) + count_of(project, BatchState.RUNNING)


def test_a_held_image_lock_holds_up_its_own_image_alone(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """A program that hangs with an image's lock costs that image, not the queue."""
    project = new_project(4)
    with_scripts(project)
    with image_lock(project.images.folder(1)):
        ids = submit(project, "quick")
        daemon = start_daemon(project, "run", processors=2)
        others = ids[1:]
        wait_for(
            lambda: all(states(project)[one] is BatchState.DONE for one in others), "the others"
        )
    assert daemon.finish() == 0


def test_a_command_is_understood_while_batches_rush_by(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Short batches are claimed some at a time; a pause stops the queue all the same."""
    project = new_project(400)
    write_python(project.place.folder, rushing(project.place.folder, free=100))
    submit(project, "rushing")
    start_daemon(project, processors=2)
    wait_for(lambda: count_of(project, BatchState.DONE) > 20, "the first batches")
    project.queue.pause()
    (project.place.folder / "go").touch()
    wait_for(lambda: count_of(project, BatchState.RUNNING) == 0, "the end of what ran", 5)
    done = count_of(project, BatchState.DONE)
    assert done < 400
    waiting = [row.batch.id for row in project.queue.listing((BatchState.WAITING,))]
    assert waiting == sorted(waiting), "what was claimed ahead has lost its place"
    project.queue.resume()
    wait_for(lambda: count_of(project, BatchState.DONE) == 400, "the end of all")
