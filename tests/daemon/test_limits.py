"""A script that goes too far fails with that reason; everything else goes on."""

import os
import signal
from pathlib import Path

import pytest

from cryobatch.model import Batch, BatchState
from cryobatch.project import Project
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.laboratory import (
    DEADLY,
    GREEDY,
    PAIR,
    QUICK,
    patient,
    write_family,
    write_python,
)
from tests.daemon.running import begun, named, states, submit, wait_for


def batch_of(project: Project, batch: int) -> Batch:
    """Return a batch as it is now."""
    rows = project.queue.listing(tuple(BatchState))
    return next(row.batch for row in rows if row.batch.id == batch)


def await_end(project: Project, batch: int) -> Batch:
    """Wait until a batch has ended."""
    ends = {BatchState.DONE, BatchState.FAILED}
    wait_for(lambda: states(project)[batch] in ends, f"the end of batch {batch}")
    return batch_of(project, batch)


def texts(project: Project) -> list[str]:
    """Return the texts of the log, newest first."""
    return [row.text for row in project.log.page(limit=1000)]


def test_a_python_script_that_takes_too_long_fails_with_that_reason(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """What does not depend on it goes on, and the processor comes back for the next batch."""
    project = new_project(2)
    folder = project.place.folder
    write_python(folder, patient(folder), time_limit_s=0.3)
    write_python(folder, QUICK)
    (batch,) = submit(project, "patient", "quick", images=(1,))
    start_daemon(project)
    ended = await_end(project, batch)
    assert ended.state is BatchState.FAILED
    assert ended.failures == {"patient": "took longer than its time limit of 0.3 s"}
    assert ended.losses == 0
    assert set(project.images.record(1).runs) == {"quick"}
    (later,) = submit(project, "quick", images=(2,))
    assert await_end(project, later).state is BatchState.DONE


def test_an_executable_that_takes_too_long_ends_with_all_its_children(
    new_project: MakeProject, start_daemon: StartDaemon, mark: str
) -> None:
    """One child has even left the processor's group."""
    project = new_project(1)
    write_family(project.place.folder, pause_s=100, time_limit_s=0.3)
    (batch,) = submit(project, "family", images=(1,))
    daemon = start_daemon(project)
    ended = await_end(project, batch)
    assert ended.failures == {"family": "took longer than its time limit of 0.3 s"}
    wait_for(lambda: not named(mark, "sleep"), "the end of its children")
    assert daemon.stop() == ""


def test_what_depends_on_a_stopped_script_is_not_run(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """And says for whose sake."""
    project = new_project(1)
    folder = project.place.folder
    text = PAIR.replace('category="Calculate', 'time_limit_s=0.3, category="Calculate')
    write_python(folder, text)
    write_python(folder, QUICK)
    parameters = {"first": {"pause": 9.0}}
    (batch,) = submit(project, "first", "second", "quick", parameters=parameters)
    start_daemon(project)
    failures = await_end(project, batch).failures
    assert failures == {
        "first": "took longer than its time limit of 0.3 s",
        "second": "not run, for first has failed",
    }
    assert set(project.images.record(1).runs) == {"quick"}


def test_a_script_that_takes_too_much_memory_fails_with_that_reason(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Its processor comes back with all its memory, and the other scripts go on."""
    project = new_project(1, "[processors]\nmemory_limit_gb = 0.3\n")
    folder = project.place.folder
    write_python(folder, GREEDY)
    write_python(folder, QUICK)
    (batch,) = submit(project, "greedy", "quick")
    start_daemon(project)
    ended = await_end(project, batch)
    assert list(ended.failures) == ["greedy"]
    assert "of memory, the processor's limit is 0.3 GB" in ended.failures["greedy"]
    assert ended.losses == 0
    assert set(project.images.record(1).runs) == {"quick"}


def test_a_batch_that_kills_its_processor_again_and_again_is_quarantined(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """It gets three processors, no more; the batches behind it are done."""
    project = new_project(2)
    write_python(project.place.folder, DEADLY)
    write_python(project.place.folder, QUICK)
    (batch,) = submit(project, "deadly", images=(1,))
    (other,) = submit(project, "quick", images=(2,))
    daemon = start_daemon(project, "run")
    assert daemon.finish() == 1
    ended = batch_of(project, batch)
    assert (ended.state, ended.attempt) == (BatchState.FAILED, 3)
    reason = ended.failures["deadly"]
    assert reason.startswith("quarantined: its processor died 3 times with it")
    assert "SIGSEGV" in reason
    assert reason in texts(project)
    said = (project.images.folder(1) / "logs" / "deadly.log").read_text()
    assert said == 3 * "its last words\n"
    assert batch_of(project, other).state is BatchState.DONE


def test_a_program_killed_alone_fails_its_script_with_that_reason(
    new_project: MakeProject, start_daemon: StartDaemon, mark: str
) -> None:
    """At once, though its children hold its output open; the processor lives on."""
    project = new_project(1)
    write_family(project.place.folder, pause_s=100)
    (batch,) = submit(project, "family")
    start_daemon(project)
    wait_for(lambda: _has_children(named(mark, "family.sh")), "the program's children")
    (pid,) = (row.pid for row in project.workforce.listing())
    os.kill(_leader(named(mark, "family.sh")), signal.SIGKILL)
    ended = await_end(project, batch)
    assert "was killed by signal 9 (SIGKILL)" in ended.failures["family"]
    assert ended.losses == 0
    assert [row.pid for row in project.workforce.listing()] == [pid]


def _has_children(programs: list[int]) -> bool:
    return any(Path(f"/proc/{pid}/task/{pid}/children").read_text().strip() for pid in programs)


def _leader(programs: list[int]) -> int:
    """Return the program itself, not a copy of it that waits for a child."""
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().split()[3]) for pid in programs}
    return next(pid for pid, parent in parents.items() if parent not in programs)


@pytest.mark.parametrize(("gpus", "expected"), [(0, "None"), (2, "0,1")])
def test_a_script_sees_its_processors_cores_and_gpus(
    new_project: MakeProject, start_daemon: StartDaemon, gpus: int, expected: str
) -> None:
    """In the variables that libraries look at, and in what the script is told."""
    project = new_project(1, f"[processors]\nthreads = 3\ngpus = {gpus}\n")
    folder = project.place.folder
    (folder / "go").touch()
    write_python(folder, patient(folder))
    submit(project, "patient")
    assert start_daemon(project, "run").finish() == 0
    (note,) = begun(folder)
    _, devices, cores, told = note.read_text().split()
    assert (devices, cores, told) == (expected, "3", "3")
