"""See what waits, runs and has ended."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from cryobatch.model import Batch, BatchState
from cryobatch.store.database import Reading
from cryobatch.store.queue.rows import BATCH_COLUMNS, as_set, read_batch
from cryobatch.store.settings import PAUSED, get_setting

_ORDERS = {
    BatchState.RUNNING: "batch.started_at, batch.id",
    BatchState.WAITING: "batch.position",
    BatchState.FAILED: "batch.finished_at DESC, batch.id DESC",
    BatchState.CANCELLED: "batch.finished_at DESC, batch.id DESC",
    BatchState.DONE: "batch.finished_at DESC, batch.id DESC",
}
"""The states as a person wants to see them, each with its order; all are texts of ours."""
OBSTACLE = """
    CASE WHEN EXISTS (
        SELECT 1 FROM batch AS other INDEXED BY batch_running
        WHERE other.state = 'running' AND other.image_id = batch.image_id)
    THEN image.name
    ELSE (
        SELECT before.name FROM batch AS earlier INDEXED BY batch_line
        JOIN image AS before ON before.id = earlier.image_id
        WHERE earlier.line = batch.line AND earlier.state IN ('waiting', 'running')
          AND (earlier.line_time, earlier.image_id) < (batch.line_time, batch.image_id)
        ORDER BY earlier.line_time DESC, earlier.image_id DESC LIMIT 1)
    END"""
"""The image that must be done with before a waiting batch can run; as ``claim`` has it."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A batch as it is shown.

    Args:
        batch: The batch.
        image: Name of its image.
        group: Group of its image.
        waits_for: The image that must be done with first: its own, on which another batch works,
            or one recorded before; None when none stands in its way.
    """

    batch: Batch
    image: str
    group: str
    waits_for: str | None = None


def listing(
    r: Reading,
    *,
    states: Collection[BatchState] = (BatchState.RUNNING, BatchState.WAITING),
    limit: int | None = None,
    offset: int = 0,
    finished_after: float | None = None,
) -> list[QueueRow]:
    """Return batches: what runs, then what waits in queue order, then what ended, newest first.

    Args:
        r: The reading.
        states: Which to return.
        limit: How many at most.
        offset: How many of the first to leave out.
        finished_after: Leave out what ended at or before this (seconds since the epoch).
    """
    found: list[QueueRow] = []
    skip = offset
    for state in _ORDERS:
        left = -1 if limit is None else limit - len(found)
        if state not in states or left == 0:
            continue
        rows = list(_of_state(r, state, left, skip, finished_after))
        if skip and not rows:
            skip -= min(skip, _count(r, state, finished_after))
        elif rows:
            skip = 0
        found += rows
    return found


def running(r: Reading) -> list[Batch]:
    """Return the batches that run, in the order in which they began."""
    return [row.batch for row in listing(r, states=(BatchState.RUNNING,))]


def get_batch(r: Reading, batch_id: int) -> Batch | None:
    """Return one batch, None if there is none."""
    row = r.execute(
        f"SELECT {BATCH_COLUMNS} FROM batch WHERE id = ?",  # noqa: S608
        (batch_id,),
    ).fetchone()
    return None if row is None else read_batch(row)


def batches_of(r: Reading, image_id: int) -> list[Batch]:
    """Return all batches of an image, oldest first."""
    rows = r.execute(
        f"SELECT {BATCH_COLUMNS} FROM batch WHERE image_id = ? ORDER BY id",  # noqa: S608
        (image_id,),
    )
    return [read_batch(row) for row in rows]


def images_in_queue(r: Reading, image_ids: Collection[int]) -> set[int]:
    """Return those of some images that have batches which wait or run."""
    rows = r.execute(
        "SELECT DISTINCT image_id FROM batch WHERE state IN ('waiting', 'running') "
        "AND image_id IN (SELECT value FROM json_each(?))",
        (as_set(image_ids),),
    )
    return {row[0] for row in rows}


def batches_in_queue(r: Reading, image_ids: Collection[int]) -> list[int]:
    """Return the batches of some images that run or wait, in queue order."""
    rows = r.execute(
        "SELECT id FROM batch WHERE state IN ('waiting', 'running') "
        "AND image_id IN (SELECT value FROM json_each(?)) ORDER BY state, position",
        (as_set(image_ids),),
    )
    return [row[0] for row in rows]


def images_without_batches(r: Reading, image_ids: Collection[int]) -> set[int]:
    """Return those of some images that never had a batch."""
    rows = r.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT image_id FROM batch)",
        (as_set(image_ids),),
    )
    return {row[0] for row in rows}


def unknown(r: Reading, ids: Sequence[int]) -> tuple[int, ...]:
    """Return the given ids that are no batches."""
    rows = r.execute("SELECT id FROM batch WHERE id IN (SELECT value FROM json_each(?))",
                     (as_set(ids),))  # fmt: skip
    known = {row[0] for row in rows}
    return tuple(one for one in ids if one not in known)


def counts(r: Reading) -> dict[BatchState, int]:
    """Return how many batches are in each state."""
    return {state: _count(r, state, None) for state in _ORDERS}


def is_paused(r: Reading) -> bool:
    """Tell whether no batches are given out."""
    return bool(get_setting(r, PAUSED, default=False))


def _of_state(
    r: Reading, state: BatchState, limit: int, offset: int, finished_after: float | None
) -> Iterator[QueueRow]:
    columns = ", ".join("batch." + name for name in BATCH_COLUMNS.split(", "))
    # The state stands in the text, not in a parameter: only so its partial index is used.
    obstacle = OBSTACLE if state is BatchState.WAITING else "NULL"
    rows: sqlite3.Cursor = r.execute(
        f"SELECT {columns}, image.name, image.grp, {obstacle} AS waits_for FROM batch "  # noqa: S608
        f"CROSS JOIN image ON image.id = batch.image_id WHERE {_condition(state, finished_after)} "
        f"ORDER BY {_ORDERS[state]} LIMIT :limit OFFSET :offset",
        {"limit": limit, "offset": offset, "after": finished_after},
    )
    return (QueueRow(read_batch(row), row["name"], row["grp"], row["waits_for"]) for row in rows)


def _condition(state: BatchState, finished_after: float | None) -> str:
    text = f"batch.state = '{state.value}'"
    if state in {BatchState.RUNNING, BatchState.WAITING}:
        return text
    after = "IS NOT NULL" if finished_after is None else "> :after"
    return f"{text} AND batch.finished_at {after}"


def _count(r: Reading, state: BatchState, finished_after: float | None) -> int:
    row = r.execute(
        f"SELECT count(*) FROM batch WHERE {_condition(state, finished_after)}",  # noqa: S608
        {"after": finished_after},
    ).fetchone()
    return int(row[0])
