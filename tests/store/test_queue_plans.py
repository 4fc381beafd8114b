"""What is asked often is answered from an index, however much there is behind it."""

import sqlite3
from collections.abc import Callable

import pytest

from cryobatch.model import BatchState
from cryobatch.model.event import Level
from cryobatch.store import library, log, queue
from cryobatch.store.database import Database, Transaction
from tests.store.store_images import MakeImages, fill


def plans_of(database: Database, action: Callable[[Transaction], object]) -> list[str]:
    """Return the steps of SQLite's plans for all statements of an action."""
    statements: list[str] = []
    with database.transaction() as t:
        t.set_trace_callback(statements.append)
        action(t)
        t.set_trace_callback(None)
        plans: list[str] = []
        for statement in statements:
            if not statement.startswith("--"):
                plans += _explain(t, statement)
    return plans


def _explain(connection: sqlite3.Connection, statement: str) -> list[str]:
    return [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


@pytest.mark.parametrize(
    "action",
    [
        lambda t: queue.claim(t, "local-1", 1.0),
        lambda t: queue.finish(t, 1, 1, BatchState.DONE, {}, 1.0),
        lambda t: queue.give_back(t, 1, 1, lost=True, now=1.0),
        lambda t: queue.listing(t, limit=50),
        lambda t: queue.listing(t, states=(BatchState.DONE,), limit=50),
        lambda t: queue.to_top(t, [3]),
        lambda t: queue.up(t, [3]),
        lambda t: queue.move_to(t, [3], 2),
        lambda t: library.recent_median(t, "square", "ctf_score"),
        lambda t: library.find_by_source(t, ["a"]),
        lambda t: log.since(t, 5),
    ],
)
def test_the_queue_is_read_by_its_indexes(
    database: Database, images: MakeImages, action: Callable[[Transaction], object]
) -> None:
    """No step goes through a whole table."""
    fill(database, images(5))
    plans = plans_of(database, action)
    assert plans
    for step in plans:
        whole = step.startswith("SCAN") and " USING " not in step and "CONSTANT" not in step
        assert not whole or "json_each" in step or "queue_end" in step or "(sub" in step, step


def test_claims_go_through_waiting_and_running_batches_only(
    database: Database, images: MakeImages
) -> None:
    """The claim sorts nothing and uses the two partial indexes."""
    fill(database, images(5))
    plans = plans_of(database, lambda t: queue.claim(t, "local-1", 1.0))
    assert any("batch_waiting" in step for step in plans)
    assert any("batch_running" in step for step in plans)
    assert not any("TEMP B-TREE" in step for step in plans)


@pytest.mark.parametrize("sort", ["time", "level", "processor", "image", "batch", "script"])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_of_the_log_are_not_sorted_when_asked(
    database: Database, sort: str, descending: bool
) -> None:
    """First and later pages in the order of any column come from its index."""

    def read(t: Transaction) -> None:
        log.page(t, sort=sort, descending=descending)
        key: log.PageKey = (5 if sort in {"time", "level", "batch"} else "a", 1.0, 1)
        log.page(t, sort=sort, descending=descending, after=key)

    plans = plans_of(database, read)
    assert len(plans) == 2
    assert all(f"INDEX log_{sort}" in step for step in plans), plans


@pytest.mark.parametrize(
    "only",
    [
        log.LogFilter(processor="local-1"),
        log.LogFilter(image="image_1"),
        log.LogFilter(image_id=1),
        log.LogFilter(batch=1),
        log.LogFilter(script="unpack"),
        log.LogFilter(levels=(Level.ERROR,)),
        log.LogFilter(since=1.0, until=2.0),
    ],
)
def test_filters_of_the_log_use_indexes(database: Database, only: log.LogFilter) -> None:
    """The newest rows of one image, batch, script or processor are found without a search."""
    plans = plans_of(database, lambda t: log.page(t, only=only))
    assert len(plans) == 1
    assert plans[0].startswith("SEARCH log USING INDEX"), plans
