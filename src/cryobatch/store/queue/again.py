"""Submit batches anew that have failed or were cancelled."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryobatch.model.batch import ParameterSet
from cryobatch.store.database import Database, Reading
from cryobatch.store.queue.rows import as_set
from cryobatch.store.queue.submission import Submission, Submitted, submit_all

_COLUMNS = "id, image_id, scripts, parameters, force, in_order"


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of batches that should be tried again.

    Args:
        submitted: The new batches, and those that waited already for the same, or were submitted
            for the same meanwhile.
        refused: Given ids that are no failed or cancelled batches.
    """

    submitted: Submitted
    refused: tuple[int, ...] = ()


def retry_all(
    database: Database,
    ids: Sequence[int] | None,
    *,
    top: bool,
    now: float,
    since: int | None = None,
) -> Retried:
    """Submit failed and cancelled batches anew; the old ones stay as they ended.

    They are looked for in one reading and added as ``submit_all`` does, so that nobody who writes
    has to wait however many they are. What somebody else has submitted anew since they were looked
    for is not submitted twice.

    Args:
        database: The project's.
        ids: The batches; None: all failed ones whose image did not get the same batch since.
        top: Whether they go on top.
        now: Seconds since the epoch.
        since: The latest batch there was when the ids were chosen; None: they are chosen now.
    """
    with database.reading() as r:
        since = latest(r) if since is None else since
        rows = _all_failed(r) if ids is None else _ended(r, ids)
    found = {row["id"] for row in rows}
    refused = () if ids is None else tuple(one for one in ids if one not in found)
    requests = [_ask_again(row) for row in rows]
    return Retried(submit_all(database, requests, top=top, now=now, since=since), refused)


def latest(r: Reading) -> int:
    """Return the highest id that a batch has, 0 where there is none."""
    return int(r.execute("SELECT coalesce(max(id), 0) FROM batch").fetchone()[0])


def _all_failed(r: Reading) -> list[sqlite3.Row]:
    return r.execute(
        f"SELECT {_COLUMNS} FROM batch AS old "  # noqa: S608 - a constant
        "WHERE state = 'failed' AND finished_at IS NOT NULL AND NOT EXISTS ("
        "SELECT 1 FROM batch AS new WHERE new.image_id = old.image_id AND new.id > old.id "
        "AND new.signature = old.signature) ORDER BY id"
    ).fetchall()


def _ended(r: Reading, ids: Sequence[int]) -> list[sqlite3.Row]:
    rows = r.execute(
        f"SELECT {_COLUMNS} FROM batch "  # noqa: S608 - a constant
        "WHERE id IN (SELECT value FROM json_each(?)) AND state IN ('failed', 'cancelled')",
        (as_set(ids),),
    ).fetchall()
    order = {one: index for index, one in enumerate(ids)}
    return sorted(rows, key=lambda row: order[row["id"]])


def _ask_again(row: sqlite3.Row) -> Submission:
    return Submission(
        row["image_id"], _read_scripts(row["scripts"]), _read_parameters(row["parameters"]),
        bool(row["force"]), bool(row["in_order"]),
    )  # fmt: skip


# Most batches ask for the same; who submits them looks whether it is the same object.
@lru_cache(maxsize=64)
def _read_scripts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=64)
def _read_parameters(text: str) -> ParameterSet:
    parameters: ParameterSet = json.loads(text)
    return parameters
