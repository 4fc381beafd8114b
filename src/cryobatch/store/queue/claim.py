"""Hand batches out to processors and take them back.

``attempt`` counts claims: whoever reports about a batch names the attempt that it was given, and
a report about an earlier one changes nothing.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from cryobatch.model import Batch, BatchState
from cryobatch.store.database import Reading, Transaction
from cryobatch.store.queue.places import GAP, take_top
from cryobatch.store.queue.rows import BATCH_COLUMNS, IN_ANY_CASE, as_set, read_batch, read_claimed
from cryobatch.store.text import storable

End = Literal[BatchState.DONE, BatchState.FAILED, BatchState.CANCELLED]

_ITS_TURN = """(line IS NULL OR NOT EXISTS (
            SELECT 1 FROM batch AS earlier INDEXED BY batch_line
            WHERE earlier.line = batch.line AND earlier.state IN ('waiting', 'running')
              AND (earlier.line_time, earlier.image_id) < (batch.line_time, batch.image_id)))"""

_CLAIMABLE = f"""
    FROM batch INDEXED BY batch_waiting
        WHERE state = 'waiting'
          AND image_id NOT IN (
            SELECT image_id FROM batch INDEXED BY batch_running WHERE state = 'running')
          AND image_id NOT IN (SELECT value FROM json_each(?))
          AND {_ITS_TURN}
          AND NOT EXISTS (SELECT 1 FROM setting WHERE name = 'paused' AND value = 'true')
        ORDER BY position LIMIT ?
"""  # noqa: S608 - a constant of ours

_FIND = f"SELECT {BATCH_COLUMNS} {_CLAIMABLE}"

_CLAIM = (
    "UPDATE batch SET state = 'running', attempt = attempt + 1, processor = ?, started_at = ? "
    "WHERE id = ?"
)


def claim(
    t: Transaction, processor: str, now: float, *, exclude: Collection[int] = ()
) -> Batch | None:
    """Give a processor the first waiting batch whose image is not busy.

    Args:
        t: The transaction.
        processor: Who asks.
        now: Seconds since the epoch.
        exclude: Further images that are busy.

    Returns:
        The batch, now running; None when the queue is paused or nothing can run.
    """
    claimed = claim_for(t, [processor], now, exclude=exclude)
    return claimed[0] if claimed else None


def claim_for(
    t: Transaction, processors: Sequence[str], now: float, *, exclude: Collection[int] = ()
) -> list[Batch]:
    """Give each of some processors the first waiting batch whose image is not busy.

    Args:
        t: The transaction.
        processors: Who ask, in this order; "" for a batch whose processor is found later.
        now: Seconds since the epoch.
        exclude: Further images that are busy.

    Returns:
        The batches, now running, in the order of the queue; fewer when there are no more.
    """
    claimed: list[Batch] = []
    while wanted := processors[len(claimed) :]:
        rows = t.execute(_FIND, (as_set(exclude), len(wanted))).fetchall()
        first = {row[1]: row for row in reversed(rows)}  # of an image's batches one can run
        found = [row for row in rows if first[row[1]] is row]
        claims = list(zip(wanted, found, strict=False))
        t.executemany(_CLAIM, ((processor, now, row[0]) for processor, row in claims))
        claimed += [read_claimed(row, processor, now) for processor, row in claims]
        if len(found) == len(rows):
            break
    return claimed


def can_claim(r: Reading) -> bool:
    """Tell whether a processor that asked now would get a batch."""
    return r.execute(_FIND, (as_set(()), 1)).fetchone() is not None


def finish(
    t: Transaction,
    batch_id: int,
    attempt: int,
    state: End,
    failures: Mapping[str, str],
    now: float,
    *,
    processor: str | None = None,
    started_at: float | None = None,
) -> bool:
    """End a running batch; False when this attempt is not the one that runs.

    Args:
        t: The transaction.
        batch_id: The batch.
        attempt: The attempt that ended.
        state: How it ended.
        failures: Reasons by script, added to those that were recorded before.
        now: Seconds since the epoch.
        processor: Who worked on it; None: whom it was given to.
        started_at: When that began; None: when it was claimed.
    """
    changed = t.execute(
        "UPDATE batch SET state = ?, failures = json_patch(failures, ?), finished_at = ?, "
        "line = NULL, processor = coalesce(?, processor), started_at = coalesce(?, started_at) "
        "WHERE id = ? AND attempt = ? AND state = 'running'",
        (state, json.dumps(dict(failures)), now, processor, started_at, batch_id, attempt),
    )
    return changed.rowcount == 1


def release(t: Transaction, batch_id: int, attempt: int) -> bool:
    """Let the images behind one begin; False when this attempt does not run."""
    changed = t.execute(
        "UPDATE batch SET line = NULL WHERE id = ? AND attempt = ? AND state = 'running'",
        (batch_id, attempt),
    )
    return changed.rowcount == 1


def record_failure(t: Transaction, batch_id: int, attempt: int, script: str, reason: str) -> bool:
    """Keep why a script of a running batch failed; False when this attempt does not run."""
    changed = t.execute(
        "UPDATE batch SET failures = json_patch(failures, json_object(?, ?)) "
        "WHERE id = ? AND attempt = ? AND state = 'running'",
        (script, storable(reason), batch_id, attempt),
    )
    return changed.rowcount == 1


def give_back(
    t: Transaction,
    batch_id: int,
    attempt: int,
    *,
    lost: bool,
    now: float,
    script: str | None = None,
) -> bool:
    """Let a running batch wait again, on top; one that a person cancelled ends instead.

    Args:
        t: The transaction.
        batch_id: The batch.
        attempt: The attempt that is given up.
        lost: Whether its processor died with it: ``losses`` counts these.
        now: Seconds since the epoch.
        script: With which script the processor died; another one than before counts from 1.

    Returns:
        False when this attempt does not run; then nothing has changed.
    """
    changed = t.execute(
        "UPDATE batch SET state = iif(cancel = :cancel, 'cancelled', 'waiting'), "
        "finished_at = iif(cancel = :cancel, :now, NULL), cancel = (cancel = :cancel), "
        "position = :position, processor = NULL, "
        "losses = iif(:lost, iif(lost_script IS :script, losses + 1, 1), losses), "
        "lost_script = iif(:lost, :script, lost_script) "
        "WHERE id = :id AND attempt = :attempt AND state = 'running'",
        {"now": now, "position": take_top(t, 1), "lost": lost, "script": script,
         "cancel": IN_ANY_CASE, "id": batch_id, "attempt": attempt},
    )  # fmt: skip
    return changed.rowcount == 1


def put_back(t: Transaction, batches: Iterable[Batch], now: float) -> None:
    """Let batches that nobody has begun wait again, each at its old place; cancelled ones end."""
    t.executemany(
        "UPDATE batch SET state = iif(cancel, 'cancelled', 'waiting'), "
        "finished_at = iif(cancel, ?, NULL), processor = NULL "
        "WHERE id = ? AND attempt = ? AND state = 'running'",
        ((now, batch.id, batch.attempt) for batch in batches),
    )


def give_back_all(t: Transaction, now: float) -> list[Batch]:
    """Let all running batches wait again, on top in their former order; for a daemon's start.

    Returns:
        The batches as they were while they ran.
    """
    rows = t.execute(
        f"SELECT {BATCH_COLUMNS} FROM batch WHERE state = 'running' ORDER BY position"  # noqa: S608
    ).fetchall()
    batches = [read_batch(row) for row in rows]
    place = take_top(t, len(batches))
    for index, batch in enumerate(batches):
        give_back(t, batch.id, batch.attempt, lost=False, now=now)
        t.execute("UPDATE batch SET position = ? WHERE id = ?", (place + index * GAP, batch.id))
    return batches


def count_losses(r: Reading, batch_id: int, script: str | None) -> int:
    """Return how often a batch's processor has died in a row with this script."""
    row = r.execute(
        "SELECT iif(lost_script IS ?, losses, 0) FROM batch WHERE id = ?", (script, batch_id)
    ).fetchone()
    return 0 if row is None else int(row[0])
