"""Take batches out of the queue, or hold it."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryobatch.store.database import Transaction
from cryobatch.store.queue.rows import IN_ANY_CASE, UNLESS_BEGUN, as_set
from cryobatch.store.settings import PAUSED, put_setting


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of batches that should not run.

    Args:
        cancelled: They waited, and are cancelled.
        asked: They run; their processor is asked to stop them.
        not_there: Given ids that neither wait nor, where that counts, run.
    """

    cancelled: tuple[int, ...]
    asked: tuple[int, ...] = ()
    not_there: tuple[int, ...] = ()


def remove(t: Transaction, ids: Sequence[int], now: float) -> Cancelled:
    """Cancel batches that wait; those that run go on."""
    cancelled = _cancel_waiting(t, ids, now)
    return Cancelled(cancelled, not_there=_rest(ids, cancelled))


def request_cancel(t: Transaction, ids: Sequence[int], now: float) -> Cancelled:
    """Cancel batches that wait, and ask the processors to stop those that run."""
    cancelled = _cancel_waiting(t, ids, now)
    rows = t.execute(
        "UPDATE batch SET cancel = ? WHERE id IN (SELECT value FROM json_each(?)) "
        "AND state = 'running' RETURNING id",
        (IN_ANY_CASE, as_set(ids)),
    ).fetchall()
    asked = tuple(sorted(row[0] for row in rows))
    return Cancelled(cancelled, asked, _rest(ids, cancelled + asked))


def clear(t: Transaction, now: float) -> int:
    """Cancel everything that waits and tell how many that were.

    What was claimed ahead and nobody has begun ends as soon as it comes back.
    """
    t.execute("UPDATE batch SET cancel = ? WHERE state = 'running' AND NOT cancel", (UNLESS_BEGUN,))
    changed = t.execute(
        "UPDATE batch SET state = 'cancelled', finished_at = ? WHERE state = 'waiting'", (now,)
    )
    return changed.rowcount


def pause(t: Transaction) -> None:
    """Give out no more batches; what runs goes on."""
    put_setting(t, PAUSED, True)


def resume(t: Transaction) -> None:
    """Give out batches again."""
    put_setting(t, PAUSED, False)


def _cancel_waiting(t: Transaction, ids: Sequence[int], now: float) -> tuple[int, ...]:
    rows = t.execute(
        "UPDATE batch SET state = 'cancelled', finished_at = ? "
        "WHERE id IN (SELECT value FROM json_each(?)) AND +state = 'waiting' RETURNING id",
        (now, as_set(ids)),
    ).fetchall()
    return tuple(sorted(row[0] for row in rows))


def _rest(ids: Sequence[int], done: tuple[int, ...]) -> tuple[int, ...]:
    known = set(done)
    return tuple(one for one in ids if one not in known)
