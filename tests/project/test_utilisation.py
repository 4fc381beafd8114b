"""How busy processors were is added up from what the log and the batches tell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.model import BatchState
from cryobatch.model.event import LogEntry
from cryobatch.project import Project
from cryobatch.project.utilisation import STEPS, Utilisation
from cryobatch.store import log, processors, queue
from cryobatch.store.processors import ProcessorRow
from cryobatch.store.queue import Submission
from tests.projects import make_project

NOW = 1_790_000_000.0


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project of three images."""
    with make_project(tmp_path / "project", 3) as made:
        yield made


def work(project: Project, image: int, began: float, ended: float) -> None:
    """Let the first processor do a batch of an image: one script in the middle of it."""
    with project.database.transaction() as t:
        queue.submit(t, [Submission(image, ("measure",))], top=False, now=began)
        batch = queue.claim(t, "local-1", began)
        assert batch is not None
        seconds = (ended - began) / 2
        texts = (f"done in {seconds:.1f} s, 0.50 GB", "done in vain", "up to date")
        rows = [LogEntry(ended, one, processor="local-1", script="measure") for one in texts]
        log.append(t, rows)
        queue.finish(t, batch.id, batch.attempt, BatchState.DONE, {}, ended)


def show(project: Project, *rows: ProcessorRow) -> None:
    """Let processors be there."""
    with project.database.transaction() as t:
        processors.show(t, rows)


def test_the_last_hour_is_added_up_by_steps(project: Project) -> None:
    """Scripts have their steps; a batch counts whole; what runs counts up to now."""
    show(project, ProcessorRow("local-1", "busy", NOW - 20, script="pick"),
         ProcessorRow("local-2", "idle", NOW - 900))  # fmt: skip
    work(project, 1, NOW - 1800, NOW - 1760)
    utilisation = Utilisation(project.database)
    one, other = utilisation.look(NOW).strips
    assert (len(one.shares), len(one.scripts)) == (STEPS, STEPS)
    ended = STEPS - 176
    assert one.shares[ended - 5 : ended + 1] == (0, 100, 100, 100, 100, 0)
    assert one.scripts[ended - 4 : ended] == (None, None, "measure", "measure")
    assert one.scripts[-1] == "pick"
    assert one.shares[-3:] == (0, 100, 100)
    assert one.busy == pytest.approx(60 / 1800)
    assert (other.busy, set(other.shares), set(other.scripts)) == (0.0, {0}, {None})


def test_each_row_counts_once_and_old_ones_go(project: Project) -> None:
    """Looks follow one another; what is older than an hour is gone."""
    show(project, ProcessorRow("local-1", "idle", NOW))
    utilisation = Utilisation(project.database)
    work(project, 1, NOW - 100, NOW - 60)
    first = utilisation.look(NOW).strips[0]
    assert utilisation.look(NOW).strips[0] == first
    work(project, 2, NOW - 40, NOW - 20)
    assert sum(utilisation.look(NOW).strips[0].shares) == sum(first.shares) + 200
    later = utilisation.look(NOW + 4000)
    assert sum(later.strips[0].shares) == 0
    assert later.strips[0].busy == 0.0


def test_a_batch_of_many_hours_fills_the_hour_and_no_more(project: Project) -> None:
    """Also one that still runs."""
    show(project, ProcessorRow("local-1", "busy", NOW - 90_000),
         ProcessorRow("local-2", "idle", NOW))  # fmt: skip
    found = Utilisation(project.database).look(NOW)
    assert found.span_s == 3600.0
    assert found.strips[0].busy == 1.0
    assert set(found.strips[0].shares) == {100}
