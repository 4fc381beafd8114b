"""Find batches by a part of their image's name, its group or a script, with their places."""

from collections.abc import Collection
from dataclasses import dataclass

from cryobatch.model import BatchState
from cryobatch.store.database import Reading
from cryobatch.store.queue.listing import OBSTACLE, QueueRow
from cryobatch.store.queue.rows import BATCH_COLUMNS, as_set, read_batch

_COLUMNS = ", ".join("batch." + name for name in BATCH_COLUMNS.split(", "))
_FIND = """
    SELECT id, state, place FROM (
        SELECT batch.id, batch.state, batch.started_at, batch.finished_at, image.name, image.grp,
            batch.scripts, row_number() OVER (PARTITION BY batch.state
                                              ORDER BY batch.position) AS place
        FROM batch CROSS JOIN image ON image.id = batch.image_id
        WHERE batch.state IN (SELECT value FROM json_each(:states)))
    WHERE instr(lower(name), :text) OR instr(lower(grp), :text) OR instr(lower(scripts), :text)
    ORDER BY state != 'running', state != 'waiting',
        CASE state WHEN 'waiting' THEN place WHEN 'running' THEN started_at
        ELSE -finished_at END, id
"""
_READ = f"""
    SELECT {_COLUMNS}, image.name, image.grp,
        CASE WHEN batch.state = 'waiting' THEN {OBSTACLE} END AS waits_for
    FROM batch JOIN image ON image.id = batch.image_id
    WHERE batch.id IN (SELECT value FROM json_each(:ids))
"""  # noqa: S608 - all are texts of ours


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found.

    Args:
        rows: What runs, then what waits in queue order, then what ended, newest first.
        places: The place in the queue of those that wait, counted from 1.
        total: How many were found altogether.
    """

    rows: list[QueueRow]
    places: dict[int, int]
    total: int


def search(
    r: Reading, text: str, *, states: Collection[BatchState], limit: int, offset: int = 0
) -> Found:
    """Return batches in whose image's name, group or scripts a text stands, whatever its case.

    Args:
        r: The reading.
        text: The text.
        states: Which batches are looked at.
        limit: How many at most.
        offset: How many of the first to leave out.
    """
    names = as_texts(states)
    found = r.execute(_FIND, {"states": names, "text": text.lower()}).fetchall()
    page = found[offset : offset + limit]
    read = {
        row["id"]: QueueRow(read_batch(row), row["name"], row["grp"], row["waits_for"])
        for row in r.execute(_READ, {"ids": as_set(row["id"] for row in page)})
    }
    places = {row["id"]: row["place"] for row in page if row["state"] == BatchState.WAITING}
    return Found([read[row["id"]] for row in page], places, len(found))


def as_texts(states: Collection[BatchState]) -> str:
    """Return states as ``json_each`` reads them.

    >>> as_texts([BatchState.WAITING])
    '["waiting"]'
    """
    return "[" + ", ".join(f'"{state.value}"' for state in states) + "]"
