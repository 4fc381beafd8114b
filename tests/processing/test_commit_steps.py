"""Death at every step of a commit: after a restart all is there, once."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.formats import parameter_file
from cryobatch.model import BatchState
from cryobatch.model.script import script_from_json
from cryobatch.processing import commit
from cryobatch.processing.orders import StagedResult, order_from_json, staged_from_json, to_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.recovery import recover
from cryobatch.processing.runner import Message, Runner
from cryobatch.processing.steps import Step
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from cryobatch.store import queue
from cryobatch.store.log import LogFilter
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject, OpenGate
from tests.projects import open_project

STEPS = [step.__name__ for step in commit.STEPS]


def plant_of(project: Project) -> Plant:
    """Return a plant that starts no processors."""
    return Plant(
        images=project.place.images,
        staging=project.place.staging,
        scratch=project.scratch(),
        start=lambda name: (_ for _ in ()).throw(OSError(name)),
        gate=OpenGate(),
        max_losses=3,
        memory_limit_bytes=None,
        medians={},
        find_stale=project.images.find_stale,
    )


def restart(project: Project) -> int:
    """Do what a daemon does first."""
    return recover(project.database, plant_of(project), time.time())


def submit(project: Project, *scripts: str, images: tuple[int, ...] = (1,)) -> list[int]:
    """Put batches into the queue and return their ids."""
    report = project.submit(Selection(images=images), Choice(scripts=scripts, force=True))
    return list(report.batches)


class Doomed(OneProcessor):
    """A daemon with one processor that claims a batch, and dies at a step of its commit."""

    def claim_and_die(self, when: str, step: str, script: str) -> None:
        """Work on the first batch of the queue until death."""
        project = self.project
        with project.database.transaction() as t:
            batch = queue.claim(t, "local-1", time.time())
        assert batch is not None
        plant = plant_of(project)
        order = self.order(batch.image_id, *batch.scripts, force=batch.force)
        data = {
            **to_json(order),
            "batch": batch.id,
            "attempt": batch.attempt,
            "staging": str(plant.staging_of(batch)),
            "scratch": str(plant.scratch_of(batch)),
        }
        arm(when, step, script)
        self.work(order_from_json(json.loads(json.dumps(data))))


def arm(when: str, name: str, script: str) -> None:
    """Make a step deadly for a script's results."""

    def die(result: StagedResult, moment: str) -> None:
        if result.script == script and moment == when:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(step: Step) -> Step:
        def take(folder: Path, result: StagedResult) -> None:
            die(result, "before")
            step(folder, result)
            die(result, "after")

        return take if step.__name__ == name else step

    commit.STEPS = tuple(wrap(step) for step in commit.STEPS)


def die_at(project: Project, when: str, step: str, script: str) -> None:
    """Let another process work on the project until it dies at a step."""
    child = os.fork()
    if child == 0:
        try:
            own = open_project(project.place.folder)  # nothing of the parent's database is touched
            Doomed(own).claim_and_die(when, step, script)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it should have died"


def done_rows(project: Project, batch: int) -> list[str]:
    """Return the scripts that the log calls done in a batch."""
    rows = project.log.page(limit=1000, only=LogFilter(batch=batch))
    return sorted(row.script or "" for row in rows if row.text.startswith("done in"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_death_at_a_step_loses_nothing_and_doubles_nothing(
    new_project: MakeProject, step: str, when: str
) -> None:
    """The second of three scripts dies with its daemon: both results are there, as are the rows."""
    project = new_project(2)
    OneProcessor(project).run(1, "measure", "pick", "judge")
    (waiting,) = submit(project, "measure", images=(2,))
    (batch,) = submit(project, "measure", "pick", "judge")
    project.queue.to_top([batch])
    die_at(project, when, step, "pick")
    assert restart(project) == 1

    folder = project.images.folder(1)
    record = parameter_file.read(folder / "image.toml")
    assert {name: run.batch for name, run in record.runs.items()} == {
        "measure": batch,
        "pick": batch,
        "judge": 1,
    }
    assert (folder / "particles.txt").read_text().startswith("pick(")
    assert len(list((folder / "history").glob("pick-*"))) == 1
    assert project.images.rows()[0]["particle_count"] == 7
    assert done_rows(project, batch) == ["measure", "pick"]
    rows = project.queue.listing()
    assert [row.batch.id for row in rows] == [batch, waiting], "it waits again on top"
    assert rows[0].batch.state is BatchState.WAITING
    assert rows[0].batch.losses == 0
    assert list(project.place.staging.iterdir()) == []


def test_a_second_death_while_recovering_loses_nothing_either(new_project: MakeProject) -> None:
    """What was staged can be committed again and again."""
    project = new_project(1)
    (batch,) = submit(project, "measure")
    die_at(project, "before", "replace_record", "measure")
    child = os.fork()
    if child == 0:
        try:
            own = open_project(project.place.folder)
            arm("after", "replace_record", "measure")
            restart(own)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert restart(project) == 1
    assert project.images.record(1).runs["measure"].batch == batch
    assert done_rows(project, batch) == ["measure"]
    assert restart(project) == 0


def test_what_was_not_wholly_staged_is_swept(new_project: MakeProject) -> None:
    """A parameter file cut in its middle by a power loss is not taken for a result."""
    project = new_project(1)
    (batch,) = submit(project, "measure")
    die_at(project, "before", "sync_record", "measure")
    (staged,) = project.place.staging.glob("*.toml")
    text = staged.read_text()
    staged.write_text(text[: text.index("[runs")])
    before = (project.images.folder(1) / "image.toml").read_bytes()
    assert restart(project) == 1
    assert (project.images.folder(1) / "image.toml").read_bytes() == before
    assert done_rows(project, batch) == []
    assert list(project.place.staging.iterdir()) == []


def test_a_cancelled_batch_ends_with_its_daemon(new_project: MakeProject) -> None:
    """A person wanted it stopped; it does not come back."""
    project = new_project(1)
    (batch,) = submit(project, "measure")
    die_at(project, "before", "keep_history", "measure")
    project.queue.kill([batch])
    restart(project)
    (row,) = project.queue.listing((BatchState.CANCELLED,))
    assert row.batch.id == batch


def test_an_unreadable_image_stops_no_restart(new_project: MakeProject) -> None:
    """It is told in the log; the other images are put right."""
    project = new_project(2)
    first, second = submit(project, "measure", images=(1, 2))
    die_at(project, "before", "replace_record", "measure")
    die_at(project, "before", "replace_record", "measure")
    (project.images.folder(1) / "image.toml").write_text("[image\n")
    assert restart(project) == 2
    assert project.images.record(2).runs["measure"].batch == second
    rows = project.log.page(limit=100, only=LogFilter(batch=first))
    assert any("after a restart" in row.text and "image.toml" in row.text for row in rows)
    assert [row.batch.id for row in project.queue.listing()] == [first, second]


def test_results_of_several_images_are_committed_together(new_project: MakeProject) -> None:
    """Trouble with one of them stops none of the others."""
    project = new_project(3)
    results = [_stage(project, image) for image in (1, 2, 3)]
    blocked = results[1][0] / "power_spectrum.txt"
    blocked.mkdir()
    (blocked / "something").touch()
    outcomes = commit.commit_results(results)
    assert [isinstance(one, commit.Committed) for one in outcomes] == [True, False, True]
    assert "power_spectrum.txt" in str(outcomes[1])
    assert [set(project.images.record(one).runs) for one in (1, 2, 3)] == [
        {"measure"},
        set(),
        {"measure"},
    ]


def _stage(project: Project, image: int) -> tuple[Path, StagedResult]:
    """Let a runner stage a result, and nobody commit it."""
    processor = OneProcessor(project)
    order = processor.order(image, "measure")
    staging = str(project.place.staging / f"{image}.1")
    setup = processor.setup()
    told: list[Message] = []
    scripts = {one.name: one for one in map(script_from_json, setup.scripts)}
    runner = Runner(setup, scripts, told.append, lambda: {"do": "refused", "reason": "not now"})
    runner.run_batch(replace(order, batch=image, staging=staging))
    (result,) = (m["result"] for m in told if m["event"] == "script_done")
    return Path(order.image_folder), staged_from_json(json.loads(json.dumps(result)))
