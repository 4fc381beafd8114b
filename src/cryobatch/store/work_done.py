"""Work done: when which processor worked, and with which script."""

from collections.abc import Iterator
from dataclasses import dataclass

from cryobatch.store.database import Reading

_DONE_IN = "done in "
"""How the log's row begins of a script that has come to its end."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a processor worked.

    Args:
        processor: Its name.
        script: The script; None: a whole batch, with what lies between its scripts.
        began: Seconds since the epoch.
        ended: Seconds since the epoch.
    """

    processor: str
    script: str | None
    began: float
    ended: float


def scripts_done(r: Reading, last_id: int, since: float) -> tuple[int, list[Stretch]]:
    """Return scripts that have ended, from the log alone.

    Args:
        r: The reading.
        last_id: Only rows after this one; 0: all since ``since``.
        since: Seconds since the epoch.

    Returns:
        The id of the log's newest row, and what was done.
    """
    newest = int(r.execute("SELECT ifnull(max(id), 0) FROM log").fetchone()[0])
    rows = r.execute(
        "SELECT processor, script, time, text FROM log WHERE id > ? AND time >= ? AND script <> '' "
        "AND substr(text, 1, ?) = ?",
        (last_id or _first_since(r, since), since, len(_DONE_IN), _DONE_IN),
    )
    found = (_read(row[0], row[1], row[2], row[3]) for row in rows)
    return newest, [one for one in found if one is not None]


def batches_done(r: Reading, since: float) -> Iterator[Stretch]:
    """Yield the batches that have ended after a moment."""
    for state in ("done", "failed", "cancelled"):
        rows = r.execute(
            "SELECT processor, started_at, finished_at FROM batch "  # noqa: S608 - words of ours
            f"WHERE state = '{state}' AND finished_at > ? AND processor IS NOT NULL "
            "AND started_at IS NOT NULL",
            (since,),
        )
        yield from (Stretch(row[0], None, row[1], row[2]) for row in rows)


def _first_since(r: Reading, since: float) -> int:
    row = r.execute(
        "SELECT id FROM log WHERE time >= ? ORDER BY time, id LIMIT 1", (since,)
    ).fetchone()
    return 0 if row is None else int(row[0]) - 1


def _read(processor: str, script: str, ended: float, text: str) -> Stretch | None:
    try:
        seconds = float(text[len(_DONE_IN) :].partition(" ")[0])
    except ValueError:
        return None  # words of a script's own that begin alike
    return Stretch(processor, script, ended - seconds, ended)
