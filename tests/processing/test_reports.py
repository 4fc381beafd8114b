"""Reports: what a daemon writes about a result that somebody else has overtaken."""

import gc
from pathlib import Path
from typing import Any

import pytest

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import Batch, BatchState
from cryobatch.processing.commit import commit_result
from cryobatch.processing.endings import finish_batch, give_back_batch, record_failure
from cryobatch.processing.orders import staged_from_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import Processor
from cryobatch.processing.ready import Prepared
from cryobatch.processing.reports import conclude_result, take_report
from cryobatch.processing.slot import Ending, EndReason, Slot
from cryobatch.processing.turn import Result, Turn
from cryobatch.project import Project, Selection
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject, OpenGate

ALL = Selection(everything=True)


def nobody(_: str) -> Processor:
    """Start nothing."""
    raise AssertionError("no processor is needed here")


def plant_of(project: Project) -> Plant:
    """Return where a daemon of the project would work."""
    place = project.place
    return Plant(
        images=place.images,
        staging=place.staging,
        scratch=project.scratch(),
        start=nobody,
        gate=OpenGate(),
        max_losses=3,
        memory_limit_bytes=None,
        medians={},
        find_stale=project.images.find_stale,
    )


def batch_of(image: int) -> Batch:
    """Return a batch that runs."""
    return Batch(
        id=1, image_id=image, scripts=("measure",), parameters={}, force=False,
        state=BatchState.RUNNING, position=0, attempt=1, losses=0, failures={},
        processor="local-1", submitted_at=0.0, started_at=0.0, finished_at=None, cancel=False,
    )  # fmt: skip


def test_a_fact_corrected_meanwhile_is_not_forgotten(
    new_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library shows the result as stale at once: the script had read the old fact."""
    project = new_project(1)
    taken: list[tuple[Path, dict[str, Any]]] = []

    def commit(folder: Path, message: dict[str, Any]) -> dict[str, Any]:
        taken.append((folder, message))
        return {"do": "committed", "base": [0, 0, 0], "merged": False}

    monkeypatch.setattr("tests.one_processor.commit", commit)
    OneProcessor(project).run(1, "measure")
    ((folder, message),) = taken
    project.correct_facts(ALL, {"pixel_size": 2.0})
    staged = staged_from_json(message["result"])
    answers: list[Any] = []
    result = Result(batch_of(1), "local-1", 1.0, folder, staged, message, {}, answers.append)
    turn = Turn(1.0)
    conclude_result(result, commit_result(folder, staged), plant_of(project), turn)
    with project.database.transaction() as t:
        for write in turn.writes:
            write(t)
    for act in turn.actions:
        act()
    row = project.images.rows()[0]
    assert (row["defocus_u"], row["stale"]) == (1000.0, ["measure"])
    assert answers[0]["do"] == "committed"
    assert answers[0]["merged"]


@pytest.mark.parametrize("error", [CryobatchError("no TOML"), OSError(28, "No space left")])
def test_a_result_that_cannot_be_kept_fails_its_script(
    new_project: MakeProject, error: CryobatchError | OSError
) -> None:
    """The processor is told, the log too, and the batch goes on."""
    project = new_project(1)
    answers: list[Any] = []
    staged = staged_from_json(
        {"script": "measure", "record": "", "staged": "", "base": [0, 0, 0], "products": {},
         "removed": [], "history": None}
    )  # fmt: skip
    folder = project.images.folder(1)
    result = Result(batch_of(1), "local-1", 1.0, folder, staged, {}, {}, answers.append)
    turn = Turn(1.0)
    conclude_result(result, error, plant_of(project), turn)
    for act in turn.actions:
        act()
    assert answers[0]["do"] == "refused"
    assert str(error) in answers[0]["reason"]
    assert [entry.text for entry in turn.entries] == [answers[0]["reason"]]


def test_a_turn_is_freed_when_it_is_over(new_project: MakeProject) -> None:
    """Without the garbage collector, which comes seldom: a turn holds all that its batches said."""
    plant = plant_of(new_project(1))
    gc.disable()
    try:
        turn = Turn(54321.0)
        slot = Slot("local-1", 0)
        finish_batch("local-1", batch_of(1), 1.0, {}, plant, turn)
        give_back_batch(slot, batch_of(1), "its processor died", "signal 9", plant, turn)
        record_failure("local-1", batch_of(1), "measure", "no reason", turn)
        assert turn.writes
        del turn
        left = [one for one in gc.get_objects() if isinstance(one, Turn) and one.now == 54321.0]
    finally:
        gc.enable()
    assert not left


def test_a_program_that_is_killed_for_its_time_fails_with_that_reason(
    new_project: MakeProject,
) -> None:
    """Its processor may tell of the kill before it is killed itself."""
    project = new_project(1)
    order = OneProcessor(project).order(1, "measure")
    slot = Slot("local-1", 0, work=Prepared(batch_of(1), order))
    slot.begin_script("measure", 0.3, 0.0)
    slot.ending = Ending(EndReason.TIME, "took longer than its time limit of 0.3 s", "measure")
    turn = Turn(1.0)
    said = {
        "event": "script_failed",
        "batch": 1,
        "script": "measure",
        "reason": "killed by signal 9",
    }
    take_report(slot, said, plant_of(project), turn)
    assert slot.failures == {"measure": "took longer than its time limit of 0.3 s"}
    assert [entry.text for entry in turn.entries] == ["took longer than its time limit of 0.3 s"]
