"""Whatever is killed, and whenever: nothing is lost, and nothing is done twice in the results."""

import contextlib
import os
import random
import signal
from dataclasses import dataclass, field

import pytest

from cryobatch.formats import parameter_file
from cryobatch.model import BatchState
from cryobatch.processing import commit
from cryobatch.project import Project
from cryobatch.store.log import LogFilter
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.daemon_child import DIE_VARIABLE
from tests.daemon.laboratory import PAIR, QUICK, write_family, write_python
from tests.daemon.running import RunningDaemon, submit, wait_for

BATCHES = 450
PROCESSORS = 4
STEPS = [step.__name__ for step in commit.STEPS] + [step.__name__ for step in commit.BRIEF_STEPS]
DEMANDS = [f"{when}:{step}" for step in STEPS for when in ("before", "after")]
DAEMON_KILLS = 2 * len(DEMANDS)
KILLS = 60
PATIENT = "[queue]\nmax_losses = 1000\n"
"""One batch may be hit again and again here, which is no sign of a bad script."""


@dataclass(slots=True)
class Killer:
    """Kills a project's daemons and processors, and starts daemons anew.

    Args:
        project: The project.
        start: Starts a daemon.
        seed: Makes it random, and the same each time.
    """

    project: Project
    start: StartDaemon
    seed: int
    kills: int = 0
    daemon: RunningDaemon = field(init=False)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.daemon = self.start(self.project, "run", PROCESSORS)

    def ended(self) -> int:
        """Return how many batches have ended."""
        counts = self.project.queue.counts()
        return sum(counts[state] for state in (BatchState.DONE, BatchState.FAILED))

    def await_more(self, number: int) -> None:
        """Wait until so many further batches have ended, or the daemon has."""
        wanted = min(self.ended() + number, BATCHES)
        wait_for(
            lambda: self.ended() >= wanted or self.daemon.process.poll() is not None,
            f"{number} more batches",
        )
        assert self.ended() < BATCHES, "there is nothing left to kill"

    def kill_processor(self) -> None:
        """Kill a processor that works, or the process of its script alone."""
        busy = [row.pid for row in self.project.workforce.listing() if row.state == "busy"]
        if busy:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(busy) or 0, signal.SIGKILL)
                self.kills += 1

    def kill_daemon(self, demand: str | None) -> None:
        """Kill the daemon now, and the next one at a step of a commit."""
        self.daemon.kill()
        self.kills += 1
        if demand is not None:
            times = self.chance.randrange(4)
            self.daemon = self.start(
                self.project, "run", PROCESSORS, **{DIE_VARIABLE: f"{demand}:{times}"}
            )
            self.daemon.process.wait(60)
            assert self.daemon.process.returncode == -signal.SIGKILL
            self.kills += 1
        self.daemon = self.start(self.project, "run", PROCESSORS)


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_kills_lose_nothing_and_double_nothing(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """450 batches on 4 processors while processors and daemon get SIGKILL 60 times."""
    project = _prepare(new_project)
    ids = _submit_mix(project)
    killer = Killer(project, start_daemon, seed=1)
    demands = list(DEMANDS)
    killer.chance.shuffle(demands)
    while killer.kills < KILLS:
        killer.await_more(2)
        if demands and killer.kills >= (len(DEMANDS) - len(demands)) * KILLS / len(DEMANDS):
            killer.kill_daemon(demands.pop())
        else:
            killer.kill_processor()
    assert killer.daemon.finish() == 0
    check_everything(project, ids)


def _prepare(new_project: MakeProject) -> Project:
    project = new_project(BATCHES, PATIENT)
    folder = project.place.folder
    # Long enough that kills meet them, short enough to be handed ahead.
    write_python(folder, QUICK.replace("    return", "    import time; time.sleep(0.012); return"))

    write_python(folder, PAIR)

    write_family(folder)
    return project


def _submit_mix(project: Project) -> list[int]:
    """Submit one batch an image, in turn of two scripts, of one, and of a program with children.

    So that up to the end there are results with products and without to be killed at.
    """
    workflows = [("first", "second"), ("quick",), ("family",)]
    ids: list[int] = []
    for image in range(1, BATCHES + 1):
        ids += submit(project, *workflows[image % len(workflows)], images=(image,))
    return ids


def check_everything(project: Project, ids: list[int]) -> None:
    """See that every batch was done once, with its results, its values and its rows."""
    rows = {row.batch.id: row.batch for row in project.queue.listing(tuple(BatchState))}
    assert sorted(rows) == sorted(ids)
    assert {batch.state for batch in rows.values()} == {BatchState.DONE}
    library = {row["id"]: row for row in project.images.rows()}
    for batch in rows.values():
        folder = project.images.folder(batch.image_id)
        record = parameter_file.read(folder / "image.toml")
        assert sorted(record.runs) == sorted(batch.scripts)
        assert {run.batch for run in record.runs.values()} == {batch.id}
        assert not (folder / "history").exists(), "a result was made twice"
        for script, values in record.values.items():
            assert values.items() <= library[batch.image_id].items(), script
        _check_rows(project, batch.id, batch.scripts)
    assert list(project.scratch().iterdir()) == []
    assert list(project.place.staging.iterdir()) == []


def _check_rows(project: Project, batch: int, scripts: tuple[str, ...]) -> None:
    rows = project.log.page(limit=1000, only=LogFilter(batch=batch))
    for script in scripts:
        done = [row for row in rows if row.script == script and row.text.startswith("done in")]
        assert len(done) == 1, (batch, script, [row.text for row in rows])
    assert [row.text for row in rows].count("batch done") == 1
