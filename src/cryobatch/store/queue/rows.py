"""How a batch stands in its table."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cryobatch.model import Batch, BatchState

BATCH_COLUMNS = (
    "id, image_id, scripts, parameters, force, state, position, attempt, losses, failures, "
    "processor, submitted_at, started_at, finished_at, cancel, in_order"
)

IN_ANY_CASE = 1
"""In the column ``cancel``: a person wants this running batch stopped."""
UNLESS_BEGUN = 2
"""In the column ``cancel``: it ends if it was claimed ahead only, and comes back."""

_NOTHING = "{}"
_STATES = {state.value: state for state in BatchState}


@lru_cache(maxsize=64)
def _read_scripts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def read_batch(row: sqlite3.Row | Sequence[Any]) -> Batch:
    """Return the batch of a row that starts with ``BATCH_COLUMNS``."""
    return Batch(
        id=row[0],
        image_id=row[1],
        scripts=_read_scripts(row[2]),
        parameters={} if row[3] == _NOTHING else json.loads(row[3]),
        force=bool(row[4]),
        state=_STATES[row[5]],
        position=row[6],
        attempt=row[7],
        losses=row[8],
        failures={} if row[9] == _NOTHING else json.loads(row[9]),
        processor=row[10],
        submitted_at=row[11],
        started_at=row[12],
        finished_at=row[13],
        cancel=row[14] == IN_ANY_CASE,
        in_order=bool(row[15]),
    )


def read_claimed(row: sqlite3.Row, processor: str, now: float) -> Batch:
    """Return the batch of a row as it is when a processor was given it."""
    return read_batch((*row[:5], "running", row[6], row[7] + 1, *row[8:10], processor, row[11], now,
                       *row[13:]))  # fmt: skip


def as_set(ids: Iterable[int]) -> str:
    """Return ids as one SQL parameter, read by ``(SELECT value FROM json_each(?))``."""
    return json.dumps(list(ids))
