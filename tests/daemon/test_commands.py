"""What a person says to a running daemon takes effect at once."""

import os
import signal
from pathlib import Path

import pytest

from cryobatch.model import BatchState
from cryobatch.project import Project
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.laboratory import QUICK, patient, write_python
from tests.daemon.running import await_idle, begun, count_of, states, submit, wait_for

SOON_S = 2.0
"""The promise is 0.2 s on a machine that has nothing else to do; a busy one gets ten times that."""


@pytest.fixture
def project(new_project: MakeProject) -> Project:
    """Return a project with eight images, a quick script and a patient one."""
    project = new_project(8)
    folder = project.place.folder
    write_python(folder, QUICK)
    write_python(folder, patient(folder))
    return project


def go(project: Project) -> None:
    """Let the patient scripts end."""
    (project.place.folder / "go").touch()


def print_time(what: str, seconds: float) -> None:
    """Tell how long something took, for who reads the test's output."""
    print(f"{what}: {seconds * 1000:.0f} ms")


def test_a_submitted_batch_begins_at_once(project: Project, start_daemon: StartDaemon) -> None:
    """From the submission to the first line of the script."""
    start_daemon(project)
    await_idle(project, 1)
    submit(project, "patient", images=(1,))
    folder = project.place.folder
    print_time("submit", wait_for(lambda: begun(folder), "the script's beginning", SOON_S))
    go(project)


def test_what_is_put_on_top_comes_next(project: Project, start_daemon: StartDaemon) -> None:
    """Though the order was another one when the running batch began."""
    ids = submit(project, "patient")
    start_daemon(project)
    wait_for(lambda: begun(project.place.folder), "the first batch")
    project.queue.to_top([ids[-1]])
    go(project)
    wait_for(lambda: count_of(project, BatchState.DONE) == 8, "the end of all")
    order = [row.batch for row in project.log.since(0) if row.text == "batch done"]
    assert order == [ids[0], ids[-1], *ids[1:-1]]


def test_a_paused_queue_gives_out_nothing(project: Project, start_daemon: StartDaemon) -> None:
    """What runs goes on; after the pause the next one begins at once."""
    start_daemon(project)
    await_idle(project, 1)
    project.queue.pause()
    submit(project, "quick", images=(1, 2))
    with pytest.raises(AssertionError, match="in vain"):
        wait_for(lambda: count_of(project, BatchState.WAITING) < 2, "a batch", 0.5)
    project.queue.resume()
    taken = wait_for(lambda: count_of(project, BatchState.DONE) == 2, "both batches", SOON_S)
    print_time("resume", taken)


def test_a_running_batch_is_killed_at_once(project: Project, start_daemon: StartDaemon) -> None:
    """It ends as cancelled; its processor comes back and takes the next."""
    start_daemon(project)
    ids = submit(project, "patient", images=(1,))
    wait_for(lambda: begun(project.place.folder), "the script's beginning")
    project.queue.kill(ids)
    cancelled = BatchState.CANCELLED
    taken = wait_for(lambda: states(project)[ids[0]] is cancelled, "its end", SOON_S)
    print_time("kill", taken)
    later = submit(project, "quick", images=(1,))
    wait_for(lambda: states(project)[later[0]] is BatchState.DONE, "the next batch")


def test_one_processor_is_killed_and_its_batch_waits_on_top(
    project: Project, start_daemon: StartDaemon
) -> None:
    """The batch runs again, and that does not count as a loss."""
    ids = submit(project, "patient", images=(1, 2))
    start_daemon(project)
    folder = project.place.folder
    wait_for(lambda: begun(folder), "the script's beginning")
    project.workforce.wish_kill(["local-1"])
    print_time("kill a processor", wait_for(lambda: len(begun(folder)) == 2, "its return"))
    rows = {row.batch.id: row.batch for row in project.queue.listing()}
    assert rows[ids[0]].state is BatchState.RUNNING
    assert (rows[ids[0]].attempt, rows[ids[0]].losses) == (2, 0)
    go(project)
    wait_for(lambda: count_of(project, BatchState.DONE) == 2, "the end of all")


def test_the_number_of_processors_follows_a_wish(
    project: Project, start_daemon: StartDaemon
) -> None:
    """More come at once; too many end when their batch has, and no batch is lost."""
    submit(project, "patient", images=(1, 2, 3))
    start_daemon(project)
    folder = project.place.folder
    wait_for(lambda: len(begun(folder)) == 1, "the first batch")
    project.workforce.wish_number(3)
    wait_for(lambda: len(begun(folder)) == 3, "two more processors")
    project.workforce.wish_number(1)
    with pytest.raises(AssertionError, match="in vain"):
        wait_for(lambda: count_of(project, BatchState.RUNNING) < 3, "a lost batch", 0.4)
    go(project)
    wait_for(lambda: count_of(project, BatchState.DONE) == 3, "the end of all")
    wait_for(lambda: len(project.workforce.listing()) == 1, "two processors less")
    assert all(row.batch.attempt == 1 for row in project.queue.listing((BatchState.DONE,)))


def test_without_the_doorbell_the_daemon_looks_by_itself(
    project: Project, start_daemon: StartDaemon
) -> None:
    """Somebody has cleaned up /tmp."""
    start_daemon(project)
    await_idle(project, 1)
    project.place.doorbell.unlink()
    ids = submit(project, "quick", images=(1,))
    done = BatchState.DONE
    print_time("without the bell", wait_for(lambda: states(project)[ids[0]] is done, "its end", 5))


def test_two_batches_of_one_image_never_run_together(
    project: Project, start_daemon: StartDaemon
) -> None:
    """And the rest of the queue does not wait for that."""
    first = submit(project, "patient", images=(1,))
    second = submit(project, "quick", images=(1,))
    others = submit(project, "quick", images=(2, 3))
    start_daemon(project, processors=2)
    done = BatchState.DONE
    wait_for(lambda: all(states(project)[one] is done for one in others), "the other images")
    found = states(project)
    assert (found[first[0]], found[second[0]]) == (BatchState.RUNNING, BatchState.WAITING)
    go(project)
    wait_for(lambda: states(project)[second[0]] is done, "the second batch of the image")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_signal_ends_the_daemon_cleanly(
    project: Project, start_daemon: StartDaemon, command: str, number: int
) -> None:
    """Running scripts are stopped, their batches wait again on top, and nothing is left behind."""
    ids = submit(project, "patient", images=(1, 2, 3))
    daemon = start_daemon(project, command, processors=2)
    wait_for(lambda: len(begun(project.place.folder)) == 2, "two running scripts")
    assert daemon.stop(number) == ""
    waiting = project.queue.listing((BatchState.WAITING,))
    assert [row.batch.id for row in waiting] == ids
    assert [row.batch.losses for row in waiting] == [0, 0, 0]
    assert project.workforce.listing() == []
    assert _leavings(project) == []


def _leavings(project: Project) -> list[Path]:
    place = project.place
    gone = [place.doorbell, place.groups]
    inside = [*place.staging.iterdir(), *project.scratch().iterdir()]
    wanting = Path(os.environ["CRYOBATCH_PLACES"]) / "wanting"
    return [path for path in gone if path.exists()] + inside + list(wanting.iterdir())
