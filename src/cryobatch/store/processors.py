"""What each processor does at the moment, for whoever wants to see it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cryobatch.store.database import Reading, Transaction


@dataclass(frozen=True, slots=True)
class ProcessorRow:
    """One processor.

    Args:
        id: Its name.
        state: "starting", "idle", "busy", "stopping" or "lost".
        since: Seconds since the epoch at which this state, or script, began.
        batch: The batch that it works on.
        image_id: The image that it works on.
        script: The script that runs.
        progress: How much of the script is done, from 0 to 1, None while it has not said.
        host: Its machine.
        pid: Its process there.
        image: Name of the image; only in what is read.
    """

    id: str
    state: str
    since: float
    batch: int | None = None
    image_id: int | None = None
    script: str | None = None
    progress: float | None = None
    host: str = ""
    pid: int | None = None
    image: str | None = None


def show(t: Transaction, rows: Sequence[ProcessorRow]) -> None:
    """Put these in the place of all that were shown before."""
    names = {row[0] for row in t.execute("SELECT id FROM processor")}
    t.executemany(
        "DELETE FROM processor WHERE id = ?", ((n,) for n in names - {row.id for row in rows})
    )
    t.executemany(
        "INSERT INTO processor (id, state, since, batch, image_id, script, progress, host, pid) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "state = excluded.state, since = excluded.since, batch = excluded.batch, "
        "image_id = excluded.image_id, script = excluded.script, progress = excluded.progress, "
        "host = excluded.host, pid = excluded.pid",
        (
            (row.id, row.state, row.since, row.batch, row.image_id, row.script, row.progress,
             row.host, row.pid)
            for row in rows
        ),
    )  # fmt: skip


def listing(r: Reading) -> list[ProcessorRow]:
    """Return all processors in the order of their names; numbers in names count as numbers."""
    rows = r.execute(
        "SELECT processor.id, state, since, batch, image_id, script, progress, host, pid, "
        "image.name FROM processor LEFT JOIN image ON image.id = processor.image_id"
    )
    found = [ProcessorRow(*row) for row in rows]
    return sorted(found, key=lambda row: (len(row.id), row.id))


def request_kill(t: Transaction, ids: Collection[str]) -> tuple[str, ...]:
    """Ask the daemon to end processors; returns the given ids that are no processors."""
    known = {row[0] for row in t.execute("SELECT id FROM processor")}
    t.executemany("UPDATE processor SET kill = 1 WHERE id = ?", ((one,) for one in ids))
    return tuple(one for one in ids if one not in known)


def kill_requests(r: Reading) -> tuple[str, ...]:
    """Return the processors that somebody wants to be ended."""
    rows = r.execute("SELECT id FROM processor WHERE kill = 1 ORDER BY id")
    return tuple(row[0] for row in rows)


def forget_kills(t: Transaction, ids: Collection[str]) -> None:
    """Note that these have been ended."""
    t.executemany("UPDATE processor SET kill = 0 WHERE id = ?", ((one,) for one in ids))
