"""Watched folders, and what became of each file in them."""

import json
import os
import sqlite3
import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryobatch.errors import ConflictError
from cryobatch.store.database import Reading, Transaction
from cryobatch.store.text import storable

_LAST = 500
"""Images whose delays stand for those of all."""


class FileState(StrEnum):
    """What became of a file in a watched folder."""

    IMPORTED = "imported"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A watched folder.

    Args:
        id: Its number.
        folder: Absolute path.
        orders: What shall be done with its recordings, in the project's own form (Any: JSON's).
        active: Whether a daemon follows it.
        scans: How often somebody has asked for a scan.
        status: What the daemon says of it (Any: JSON's own variety).
    """

    id: int
    folder: str
    orders: Mapping[str, Any]
    active: bool
    scans: int
    status: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a watched folder.

    Args:
        path: Below the folder, as ``os.fsdecode`` gives it.
        look: Size in bytes, modification time in ns and inode when this was noted.
        state: What became of it.
        reason: What is missing or wrong.
        source_id: The recording's identity, empty where it could not be told.
        image_id: Its image, None where it has none.
        written_at: When it was last seen to grow, seconds since the epoch; None: it never was.
        noted_at: When this was noted, seconds since the epoch.
    """

    path: str
    look: tuple[int, int, int]
    state: FileState
    noted_at: float
    reason: str = ""
    source_id: str = ""
    image_id: int | None = None
    written_at: float | None = None


@dataclass(frozen=True, slots=True)
class Delays:
    """How long the latest recordings took from their last byte, in seconds.

    Args:
        to_batch: Until their batch waited: median, None where nobody knows.
        to_batch_slow: The same, of the slowest of a hundred.
        to_result: Until their first batch had ended: median.
    """

    to_batch: float | None
    to_batch_slow: float | None
    to_result: float | None


def add_watch(
    t: Transaction, folder: str, orders: Mapping[str, Any], *, active: bool, now: float
) -> int:
    """Add a watched folder, or give one that is there new orders; returns its number."""
    row = t.execute(
        "INSERT INTO watch (folder, orders, active, added_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (folder) DO UPDATE SET orders = excluded.orders, "
        "active = active OR excluded.active "
        "RETURNING id",
        (folder, json.dumps(orders), active, now),
    ).fetchone()
    return int(row[0])


def watches(r: Reading) -> list[WatchRow]:
    """Return all watched folders in the order in which they were added."""
    rows = r.execute("SELECT id, folder, orders, active, scans, status FROM watch ORDER BY id")
    return [
        WatchRow(row[0], row[1], json.loads(row[2]), bool(row[3]), row[4], json.loads(row[5]))
        for row in rows
    ]


def set_active(t: Transaction, watch: int, active: bool) -> None:
    """Say whether a daemon follows a folder."""
    t.execute("UPDATE watch SET active = ? WHERE id = ?", (active, watch))


def want_scan(t: Transaction, watch: int) -> None:
    """Ask the daemon to look through a folder at once."""
    t.execute("UPDATE watch SET scans = scans + 1 WHERE id = ?", (watch,))


def set_status(t: Transaction, watch: int, status: Mapping[str, Any]) -> None:
    """Say how the daemon gets on with a folder (Any: JSON's own variety)."""
    t.execute("UPDATE watch SET status = ? WHERE id = ?", (json.dumps(status), watch))


def remove_watch(t: Transaction, watch: int) -> None:
    """Forget a folder and what became of its files; images stay."""
    t.execute("DELETE FROM watch WHERE id = ?", (watch,))


def put_files(t: Transaction, watch: int, rows: Iterable[FileRow]) -> None:
    """Note what became of files.

    Raises:
        ConflictError: Somebody has removed the watched folder.
    """
    try:
        t.executemany(
            "INSERT OR REPLACE INTO watched_file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (watch, os.fsencode(row.path), *row.look, row.state.value, storable(row.reason),
                 row.source_id, row.image_id, row.written_at, row.noted_at)
                for row in rows
            ),
        )  # fmt: skip
    except sqlite3.IntegrityError as error:
        raise ConflictError("the folder is watched no more: its files are not noted") from error


def forget_file(t: Transaction, watch: int, path: str) -> None:
    """Forget a file, as it is called otherwise now."""
    key = (watch, os.fsencode(path))
    t.execute("DELETE FROM watched_file WHERE watch = ? AND path = ?", key)


def forget_unimported(t: Transaction, watch: int, paths: Iterable[str]) -> None:
    """Forget files that lacked something; those that are images are remembered."""
    t.executemany(
        "DELETE FROM watched_file WHERE watch = ? AND path = ? "
        "AND state IN ('incomplete', 'failed')",
        ((watch, os.fsencode(path)) for path in paths),
    )


def looks(r: Reading, watch: int) -> Iterator[tuple[str, tuple[int, int, int], FileState]]:
    """Yield path, look and state of all files that are noted, as quickly as may be."""
    states = {state.value: state for state in FileState}
    for row in r.execute(
        "SELECT path, size, modified_ns, inode, state FROM watched_file WHERE watch = ?", (watch,)
    ):
        yield os.fsdecode(row[0]), (row[1], row[2], row[3]), states[row[4]]


def find_files(r: Reading, watch: int, paths: Iterable[str]) -> dict[str, FileRow]:
    """Return what is noted of some files, by path."""
    found = {}
    for path in paths:
        row = r.execute(
            f"SELECT {_FILE} FROM watched_file WHERE watch = ? AND path = ?",  # noqa: S608
            (watch, os.fsencode(path)),
        ).fetchone()
        if row is not None:
            found[path] = _read_file(row)
    return found


def files(
    r: Reading, watch: int, states: Collection[FileState], limit: int | None = None
) -> list[FileRow]:
    """Return the files in some states, the latest first."""
    found: list[FileRow] = []
    for state in states:
        left = -1 if limit is None else limit - len(found)
        rows = r.execute(
            f"SELECT {_FILE} FROM watched_file WHERE watch = ? AND state = ? "  # noqa: S608
            "ORDER BY noted_at DESC LIMIT ?",
            (watch, state.value, left),
        )
        found += [_read_file(row) for row in rows]
    return found


def count_files(r: Reading, watch: int) -> dict[FileState, int]:
    """Return how many files are in each state."""
    rows = r.execute("SELECT state, count(*) FROM watched_file WHERE watch = ? GROUP BY state",
                     (watch,))  # fmt: skip
    return dict.fromkeys(FileState, 0) | {FileState(row[0]): row[1] for row in rows}


def count_imported(r: Reading, watch: int, since: float) -> int:
    """Return how many files were imported after a moment, seconds since the epoch."""
    row = r.execute(
        "SELECT count(*) FROM watched_file WHERE watch = ? AND state = 'imported' AND noted_at > ?",
        (watch, since),
    ).fetchone()
    return int(row[0])


def measure_delays(r: Reading, watch: int) -> Delays:
    """Return how long the latest recordings took from their last byte."""
    rows = r.execute(
        "SELECT noted_at - written_at, (SELECT min(finished_at) FROM batch "
        "WHERE batch.image_id = file.image_id AND state = 'done') - written_at "
        "FROM (SELECT * FROM watched_file WHERE watch = ? AND state = 'imported' "
        "ORDER BY noted_at DESC LIMIT ?) AS file WHERE written_at IS NOT NULL",
        (watch, _LAST),
    ).fetchall()
    batch = sorted(float(row[0]) for row in rows)
    result = [float(row[1]) for row in rows if row[1] is not None]
    return Delays(
        to_batch=statistics.median(batch) if batch else None,
        to_batch_slow=_slowest(batch),
        to_result=statistics.median(result) if result else None,
    )


def _slowest(delays: Sequence[float]) -> float | None:
    return delays[min(len(delays) - 1, int(0.99 * len(delays)))] if delays else None


_FILE = "path, size, modified_ns, inode, state, noted_at, reason, source_id, image_id, written_at"


def _read_file(row: sqlite3.Row) -> FileRow:
    return FileRow(
        path=os.fsdecode(row[0]),
        look=(row[1], row[2], row[3]),
        state=FileState(row[4]),
        noted_at=row[5],
        reason=row[6],
        source_id=row[7],
        image_id=row[8],
        written_at=row[9],
    )
