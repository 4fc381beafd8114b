"""The log: what every processor did to every image, and when."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from cryobatch.errors import UnknownNameError
from cryobatch.model.event import Level, LogEntry
from cryobatch.store.database import Reading, Transaction
from cryobatch.store.text import storable

PageKey = tuple[float | int | str, float, int]
"""Where a page ends: the sorted column, time and id of its last row."""

_LEVELS = tuple(Level)
_SORTS = ("time", "id", "level", "processor", "image", "batch", "script")
_COLUMNS = "id, time, level, text, processor, image_id, image, batch, script"


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the log.

    Args:
        id: Its number; later rows have larger ones.
        time: Seconds since the epoch.
        level: How much it matters.
        text: What happened.
        processor: Who worked.
        image_id: On which image.
        image: Name of that image.
        batch: In which batch.
        script: With which script.
    """

    id: int
    time: float
    level: Level
    text: str
    processor: str | None
    image_id: int | None
    image: str | None
    batch: int | None
    script: str | None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which rows are wanted; None: whatever it is.

    Args:
        levels: Any of these.
        processor: This processor.
        image: Images of this name.
        image_id: This image.
        batch: This batch.
        script: This script.
        since: Seconds since the epoch, inclusive.
        until: Seconds since the epoch, inclusive.
        text: A part of the text, in lower or upper case.
        ids: None but these rows.
    """

    levels: tuple[Level, ...] | None = None
    processor: str | None = None
    image: str | None = None
    image_id: int | None = None
    batch: int | None = None
    script: str | None = None
    since: float | None = None
    until: float | None = None
    text: str | None = None
    ids: tuple[int, ...] | None = None


EVERYTHING = LogFilter()


def append(t: Transaction, entries: Iterable[LogEntry]) -> None:
    """Add rows in their order."""
    t.executemany(
        "INSERT INTO log (time, level, processor, image_id, image, batch, script, text) VALUES "
        "(?1, ?2, ?3, ?4, coalesce((SELECT name FROM image WHERE id = ?4), ''), ?5, ?6, ?7)",
        (
            (entry.time, _LEVELS.index(entry.level), entry.processor or "", entry.image_id or 0,
             entry.batch or 0, entry.script or "", storable(entry.text))
            for entry in entries
        ),
    )  # fmt: skip


def page(
    r: Reading,
    *,
    sort: str = "time",
    descending: bool = True,
    limit: int = 50,
    after: PageKey | None = None,
    offset: int = 0,
    only: LogFilter = EVERYTHING,
) -> list[LogRow]:
    """Return one page of the log.

    Args:
        r: The reading.
        sort: A column other than the text; rows that are equal in it are in order of time.
        descending: Whether the largest, or the latest, comes first.
        limit: How many rows.
        after: The key of the last row of the page before, see ``page_key``.
        offset: How many rows more to leave out: some hundredths of a second at a million.
        only: Which rows.
    """
    _check_sort(sort)
    conditions, parameters = _conditions(only)
    direction, sign = ("DESC", "<") if descending else ("ASC", ">")
    if after is not None:
        conditions.append(f"({sort}, time, id) {sign} (:key, :key_time, :key_id)")
        parameters |= {"key": after[0], "key_time": after[1], "key_id": after[2]}
    order = ", ".join(f"{name} {direction}" for name in dict.fromkeys((sort, "time", "id")))
    return _fetch(r, conditions, parameters, order, limit, offset, source=_source(only))


def count(r: Reading, *, only: LogFilter = EVERYTHING) -> int:
    """Return how many rows are wanted; a tenth of a second at a million."""
    conditions, parameters = _conditions(only)
    row = r.execute(
        f"SELECT count(*) FROM {_source(only)} "  # noqa: S608
        f"WHERE {' AND '.join(conditions) or '1'}",
        parameters,
    ).fetchone()
    return int(row[0])


def page_key(row: LogRow, sort: str) -> PageKey:
    """Return what the page after this row starts behind."""
    _check_sort(sort)
    found = _LEVELS.index(row.level) if sort == "level" else getattr(row, sort)
    if found is None:
        found = 0 if sort == "batch" else ""
    return found, row.time, row.id


def since(
    r: Reading, last_id: int, *, only: LogFilter = EVERYTHING, limit: int = 1000
) -> list[LogRow]:
    """Return the rows that were added after one, oldest first."""
    conditions, parameters = _conditions(only)
    parameters["last"] = last_id
    return _fetch(r, ["id > :last", *conditions], parameters, "id", limit, source=_source(only))


def last_id(r: Reading) -> int:
    """Return the id of the newest row, 0 when there is none."""
    row = r.execute("SELECT max(id) FROM log").fetchone()
    return int(row[0] or 0)


def has_entry(r: Reading, batch: int, script: str, text: str) -> bool:
    """Tell whether a batch's script has a row whose text begins so."""
    row = r.execute(
        "SELECT 1 FROM log WHERE batch = ? AND script = ? AND substr(text, 1, ?) = ? LIMIT 1",
        (batch, script, len(text), text),
    ).fetchone()
    return row is not None


def _check_sort(sort: str) -> None:
    if sort not in _SORTS:
        raise UnknownNameError("column to sort the log by", sort, _SORTS)


def _conditions(only: LogFilter) -> tuple[list[str], dict[str, object]]:
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    for name in ("processor", "image", "image_id", "batch", "script"):
        wanted = getattr(only, name)
        if wanted is not None:
            conditions.append(f"{name} = :{name}")
            parameters[name] = wanted
    for name, condition in (("since", "time >= :since"), ("until", "time <= :until")):
        if getattr(only, name) is not None:
            conditions.append(condition)
            parameters[name] = getattr(only, name)
    if only.levels is not None:
        ranks = ", ".join(str(_LEVELS.index(level)) for level in only.levels)
        conditions.append(f"level IN ({ranks})")
    if only.text is not None:
        conditions.append("instr(lower(text), lower(:text)) > 0")
        parameters["text"] = only.text
    if only.ids is not None:
        parameters["ids"] = json.dumps(only.ids)
    return conditions, parameters


def _source(only: LogFilter) -> str:
    if only.ids is None:
        return "log"
    # In this order: else all of the log is gone through for some rows of it.
    return "(SELECT value AS chosen FROM json_each(:ids)) CROSS JOIN log ON log.id = chosen"


def _fetch(
    r: Reading,
    conditions: list[str],
    parameters: dict[str, object],
    order: str,
    limit: int,
    offset: int = 0,
    *,
    source: str = "log",
) -> list[LogRow]:
    found = r.execute(
        f"SELECT {_COLUMNS} FROM {source} "  # noqa: S608
        f"WHERE {' AND '.join(conditions) or '1'} "
        f"ORDER BY {order} LIMIT :limit OFFSET :offset",
        {**parameters, "limit": limit, "offset": offset},
    )
    return [_read(row) for row in found]


def _read(row: sqlite3.Row) -> LogRow:
    return LogRow(
        id=row[0],
        time=row[1],
        level=_LEVELS[row[2]],
        text=row[3],
        processor=row[4] or None,
        image_id=row[5] or None,
        image=row[6] or None,
        batch=row[7] or None,
        script=row[8] or None,
    )
