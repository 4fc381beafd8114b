"""A disk that is full under a script: its batch is not to blame, and waits for room."""

from dataclasses import replace

import pytest

from cryobatch.model.batch import Batch, BatchState
from cryobatch.processing.ready import Prepared
from cryobatch.processing.reports import take_report
from cryobatch.processing.slot import Ending, EndReason, Slot
from cryobatch.processing.turn import Turn
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from cryobatch.store import queue
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject
from tests.processing.odd_scripts import odd_script
from tests.processing.test_reports import plant_of

WORDS = "/scratch/stack.mrc: there is no room on the disk"


@pytest.mark.parametrize("behaviour", ["fills the disk", "fills it and explains"])
def test_a_script_that_finds_no_room_has_not_failed(
    new_project: MakeProject, behaviour: str
) -> None:
    """Its batch ends there, and the daemon is told why; the scripts after it are not tried."""
    project = new_project(1, scripts={"odd": odd_script()})
    told = OneProcessor(project).run(1, "odd", parameters={"odd": {"behaviour": behaviour}})
    assert told.messages[-1]["event"] == "no_room"
    assert told.failures == {}
    log = project.images.folder(1) / "logs" / "odd.log"
    assert log.read_text()


def claim(project: Project) -> Batch:
    """Take the batch that waits."""
    with project.database.transaction() as t:
        batch = queue.claim(t, "local-1", 1.0)
    assert batch is not None
    return batch


def report(project: Project, ending: Ending | None = None) -> list[str]:
    """Run the batch that waits into a full disk; returns what the guard is told."""
    noted: list[str] = []
    batch = claim(project)
    slot = Slot("local-1", 0, work=Prepared(batch, OneProcessor(project).order(1, "measure")))
    slot.begin_script("measure", None, 0.0)
    slot.ending = ending
    turn = Turn(2.0)
    said = {"event": "no_room", "batch": batch.id, "reason": WORDS}
    take_report(slot, said, replace(plant_of(project), note_full=noted.append), turn)
    with project.database.transaction() as t:
        for write in turn.writes:
            write(t)
    assert slot.batch is None
    return noted


@pytest.fixture
def project(new_project: MakeProject) -> Project:
    """Return a project with a batch."""
    project = new_project(1)
    project.submit(Selection(everything=True), Choice(scripts=("measure",)))
    return project


def test_its_batch_waits_and_all_is_held(project: Project) -> None:
    """Only when the disk was full for it again and again a person must look."""
    for _ in range(2):
        assert report(project) == [WORDS]
        assert project.queue.counts()[BatchState.WAITING] == 1
    report(project)
    (row,) = project.queue.listing(states=(BatchState.FAILED,), limit=9)
    assert row.batch.failures == {
        "measure": f"quarantined: a disk was full 3 times with it, last by {WORDS}"
    }


def test_a_batch_that_a_person_has_cancelled_does_not_wait_again(project: Project) -> None:
    """Nor is anything held for it."""
    ending = Ending(EndReason.CANCELLED, "cancelled by a person", "measure")
    assert report(project, ending) == []
    assert project.queue.counts()[BatchState.CANCELLED] == 1
