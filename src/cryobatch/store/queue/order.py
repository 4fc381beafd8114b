"""Change the order of what waits."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from cryobatch.errors import ConflictError, UsageError
from cryobatch.store.database import Transaction
from cryobatch.store.queue.places import GAP, take_bottom, take_top
from cryobatch.store.queue.rows import as_set

_WINDOWS = (0, 32, 512, 8192, 131_072, 2_097_152)
_ROOMY = 1 << 10  # after a renumbering there is room for a while


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of batches that should move.

    Args:
        moved: Those that waited, in queue order; one may stand where it stood.
        not_waiting: Given ids that do not wait, or that nobody knows.
    """

    moved: tuple[int, ...]
    not_waiting: tuple[int, ...] = ()


def to_top(t: Transaction, ids: Sequence[int]) -> Moved:
    """Put batches before all others; among themselves they keep their order."""
    chosen = _waiting(t, ids)
    _assign(t, chosen, take_top(t, len(chosen)), GAP)
    return _moved(ids, chosen)


def to_bottom(t: Transaction, ids: Sequence[int]) -> Moved:
    """Put batches after all others; among themselves they keep their order."""
    chosen = _waiting(t, ids)
    _assign(t, chosen, take_bottom(t, len(chosen)), GAP)
    return _moved(ids, chosen)


def move_to(t: Transaction, ids: Sequence[int], place: int) -> Moved:
    """Put batches, in their order, so that the first of them is at a place counted from 1.

    A place behind the end is the end.
    """
    if place < 1:
        raise UsageError(f"place {place}: places of the queue are counted from 1")
    if place == 1:
        return to_top(t, ids)
    chosen = _waiting(t, ids)
    before = t.execute(
        "SELECT position FROM batch WHERE state = 'waiting' "
        "AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT 1 OFFSET ?",
        (as_set(chosen), place - 2),
    ).fetchone()
    if before is None:
        return to_bottom(t, ids)
    _insert_behind(t, before[0], chosen)
    return _moved(ids, chosen)


def move_beside(t: Transaction, ids: Sequence[int], target: int, *, below: bool) -> Moved:
    """Put batches, in their order, directly above or below another one, wherever that is by now.

    Raises:
        ConflictError: The other one does not wait any more.
    """
    others = [one for one in ids if one != target]
    row = t.execute(
        "SELECT (SELECT count(*) FROM batch WHERE state = 'waiting' AND position < own.position "
        "AND id NOT IN (SELECT value FROM json_each(?))) FROM batch AS own "
        "WHERE own.id = ? AND own.state = 'waiting'",
        (as_set(others), target),
    ).fetchone()
    if row is None:
        raise ConflictError(f"batch {target} does not wait any more: look again, then move")
    return move_to(t, others, row[0] + (2 if below else 1))


def up(t: Transaction, ids: Sequence[int]) -> Moved:
    """Move each batch one place up; those at the very top stay."""
    chosen = _waiting(t, ids)
    _shift(t, chosen, _BEFORE)
    return _moved(ids, chosen)


def down(t: Transaction, ids: Sequence[int]) -> Moved:
    """Move each batch one place down; those at the very bottom stay."""
    chosen = _waiting(t, ids)
    _shift(t, chosen[::-1], _AFTER)
    return _moved(ids, chosen)


_BEFORE = (
    "SELECT id, position FROM batch WHERE state = 'waiting' AND position < ? "
    "ORDER BY position DESC LIMIT 1"
)
_AFTER = (
    "SELECT id, position FROM batch WHERE state = 'waiting' AND position > ? "
    "ORDER BY position LIMIT 1"
)


def _waiting(t: Transaction, ids: Sequence[int]) -> list[int]:
    rows = t.execute(
        "SELECT id FROM batch WHERE id IN (SELECT value FROM json_each(?)) "
        "AND +state = 'waiting' ORDER BY position",
        (as_set(ids),),
    )
    return [row[0] for row in rows]


def _moved(ids: Sequence[int], chosen: Sequence[int]) -> Moved:
    known = set(chosen)
    return Moved(tuple(chosen), tuple(one for one in ids if one not in known))


def _assign(t: Transaction, ids: Sequence[int], first: int, step: int) -> None:
    t.executemany(
        "UPDATE batch SET position = ? WHERE id = ?",
        ((first + index * step, one) for index, one in enumerate(ids)),
    )


def _insert_behind(t: Transaction, before: int, chosen: Sequence[int]) -> None:
    """Put batches behind a position, moving as few of the following ones as need be."""
    for window in _WINDOWS:
        following = _following(t, before, chosen, window + 1)
        if len(following) <= window:
            break
        row = [*chosen, *(item["id"] for item in following[:window])]
        step = (following[window]["position"] - before) // (len(row) + 1)
        if step >= (_ROOMY if window else 1):
            _assign(t, row, before + step, step)
            return
    row = [*chosen, *(item["id"] for item in following)]
    _assign(t, row, take_bottom(t, len(row)), GAP)


def _following(t: Transaction, before: int, chosen: Sequence[int], count: int) -> list[sqlite3.Row]:
    return t.execute(
        "SELECT id, position FROM batch WHERE state = 'waiting' AND position > ? "
        "AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?",
        (before, as_set(chosen), count),
    ).fetchall()


def _shift(t: Transaction, chosen: Sequence[int], neighbour_of: str) -> None:
    """Let each batch, nearest to the end first, change places with its neighbour."""
    selected = set(chosen)
    for one in chosen:
        position = t.execute("SELECT position FROM batch WHERE id = ?", (one,)).fetchone()[0]
        neighbour = t.execute(neighbour_of, (position,)).fetchone()
        if neighbour is None or neighbour["id"] in selected:
            continue
        _assign(t, [one], neighbour["position"], 0)
        _assign(t, [neighbour["id"]], position, 0)
