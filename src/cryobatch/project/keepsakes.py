"""Keepsakes: what only the database knows and nobody could find out again, kept in files besides.

``doctor --rebuild`` reads them: which folders are watched with what orders, and the microscope's
pictures of the grid, which the images' own files do not name.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from cryobatch.errors import ProjectError
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.store import positions, watching
from cryobatch.store.database import Database, Reading
from cryobatch.store.text import storable

WATCHES_FILE = ".watches.json"
OVERVIEWS_FILE = ".overviews.jsonl"


class _KeptWatch(TypedDict):
    """A watched folder; its orders in the project's own form (Any: JSON's own variety)."""

    folder: str
    orders: dict[str, Any]
    active: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What a new database has got from the keepsakes.

    Args:
        watches: Folders that are watched again.
        overviews: Pictures of the grid.
    """

    watches: int
    overviews: int


def keep_watches(folder: Path, r: Reading) -> None:
    """Write which folders are watched, inside the transaction that has changed it.

    Args:
        folder: The project's.
        r: That transaction.
    """
    rows = [{"folder": row.folder, "orders": row.orders, "active": row.active}
            for row in watching.watches(r)]  # fmt: skip
    try:
        write_bytes_durably(folder / WATCHES_FILE, json.dumps(rows, indent=1).encode())
    except OSError as error:
        raise _cannot_be_written(folder / WATCHES_FILE, error) from error


def keep_overviews(folder: Path, overviews: Iterable[Overview]) -> None:
    """Write pictures of the grid behind those that are kept; of one source the last holds."""
    lines = "".join(json.dumps(asdict(one)) + "\n" for one in overviews)
    path = folder / OVERVIEWS_FILE
    try:
        # What a kill has left of a line must not swallow the next one.
        with path.open("ab") as file:
            file.write(b"\n" + lines.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def restore(folder: Path, database: Database, now: float) -> Restored:
    """Give a database the keepsakes that it lacks.

    Args:
        folder: The project's.
        database: Its database.
        now: Seconds since the epoch.
    """
    overviews = list({one.source: one for one in _read_overviews(folder)}.values())
    with database.transaction() as t:
        known = {row.folder for row in watching.watches(t)}
        sources = {one.source for one in positions.overviews(t).values()}
        fresh = [one for one in overviews if storable(one.source) not in sources]
        positions.put_overviews(t, fresh)
        watches = [one for one in _read_watches(folder) if one["folder"] not in known]
        for one in watches:
            watching.add_watch(t, one["folder"], one["orders"], active=one["active"], now=now)
    return Restored(len(watches), len(fresh))


def _read_watches(folder: Path) -> list[_KeptWatch]:
    path = folder / WATCHES_FILE
    try:
        kept: list[_KeptWatch] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path}: cannot be read ({error}); remove it and repeat") from error
    return kept


def _read_overviews(folder: Path) -> Iterator[Overview]:
    try:
        lines = (folder / OVERVIEWS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            kept = json.loads(line)
        except ValueError:
            continue  # a kill has cut it
        kept |= {name: tuple(kept[name]) for name in ("right", "down")}
        yield Overview(**{**kept, "kind": OverviewKind(kept["kind"])})


def _cannot_be_written(path: Path, error: OSError) -> ProjectError:
    return ProjectError(f"{path}: cannot be written: {error.strerror}")
