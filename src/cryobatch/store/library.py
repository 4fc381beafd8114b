"""The library: the table of all images and their values, an index of their parameter files."""

import json
import sqlite3
import statistics
from collections.abc import Collection, Iterable

from cryobatch.errors import ConflictError, UsageError
from cryobatch.model.image import ImageIdentity
from cryobatch.model.index import IndexEntry
from cryobatch.store.choice import choose, order_by, value_names
from cryobatch.store.database import Reading, Transaction
from cryobatch.store.fields import TABLES, TRUTHS, field, value_field
from cryobatch.store.text import storable, values_to_json

ALWAYS = ("id", "name", "group", "state", "flag", "stale")
_LOOK_BACK = 20  # images looked at for one that has the value

_REGISTER = """
    INSERT INTO image (id, name, grp, root_product, source, source_id, frames, recorded_at,
        imported_at, results, absences, flag, comment, trashed, stale)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', '{}', NULL, '', 0, '[]')
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, grp = excluded.grp,
        root_product = excluded.root_product, source = excluded.source,
        source_id = excluded.source_id, frames = excluded.frames,
        recorded_at = excluded.recorded_at, imported_at = excluded.imported_at
"""

_INDEX = """
    UPDATE image SET results = ?1, absences = ?2, flag = ?3, comment = ?4, trashed = ?5, stale = ?6,
        pictured_at = ?8,
        indexed = (SELECT coalesce(max(other.indexed), 0) + 1 FROM image AS other
                   WHERE other.grp = image.grp)
    WHERE id = ?7 AND (indexed = 0 OR
        (results, absences, ifnull(flag, ''), comment, trashed, stale, ifnull(pictured_at, ''))
        != (?1, ?2, ifnull(?3, ''), ?4, ?5, ?6, ifnull(?8, '')))
"""

_TRASH = """
    UPDATE image SET trashed = ?1,
        indexed = (SELECT max(other.indexed) + 1 FROM image AS other WHERE other.grp = image.grp)
    WHERE id = ?2 AND trashed != ?1
"""


def reserve_image_ids(t: Transaction, count: int) -> range:
    """Return ids that no image has had or will get otherwise."""
    row = t.execute(
        "UPDATE reservation SET next = max(next, (SELECT coalesce(max(id), 0) + 1 FROM image)) + ? "
        "WHERE name = 'image' RETURNING next",
        (count,),
    ).fetchone()
    return range(row[0] - count, row[0])


def register(t: Transaction, images: Iterable[ImageIdentity]) -> None:
    """Add images, or bring those with the same id up to date.

    Raises:
        ConflictError: Another image has the same recording, or the same name in its group.
    """
    for image in images:
        source, source_id = storable(image.source), storable(image.source_id)
        row = (image.id, image.name, image.group, image.root_product, source, source_id,
               image.frames, image.recorded_at, image.imported_at)  # fmt: skip
        try:
            t.execute(_REGISTER, row)
        except sqlite3.IntegrityError as error:
            raise ConflictError(
                f"{image.group}/{image.name} ({image.source}): the library has another image with "
                "this name in the group, or of this recording; import again to see which"
            ) from error


def index(t: Transaction, image_id: int, entry: IndexEntry) -> bool:
    """Repeat what an image's parameter file holds.

    Returns:
        Whether that has changed anything: where it has not, nothing is written.
    """
    t.executemany("INSERT OR IGNORE INTO value_name VALUES (?)", ((n,) for n in entry.values))
    changed = t.execute(
        _INDEX,
        (values_to_json(entry.values), json.dumps(dict(entry.absences)), entry.flag,
         entry.comment, entry.trashed, json.dumps(list(entry.stale)), image_id,
         entry.pictured_at),
    )  # fmt: skip
    return changed.rowcount == 1


def set_trashed(t: Transaction, ids: Collection[int], trashed: bool) -> None:
    """Say for images that have no file any more whether they are put aside."""
    t.executemany(_TRASH, ((trashed, one) for one in ids))


def delete(t: Transaction, ids: Collection[int]) -> int:
    """Remove images and their batches; the log keeps its rows. Returns how many there were."""
    changed = t.execute(
        "DELETE FROM image WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([*ids]),)
    )
    return changed.rowcount


def select(
    r: Reading,
    where: str | None = None,
    *,
    ids: Collection[int] | None = None,
    known_values: Collection[str] = (),
) -> list[int]:
    """Return the ids of images, in order of their ids.

    Args:
        r: The reading.
        where: A filter, see ``expression``. What is in the trash is left out, unless the filter
            asks for ``trashed`` or ids are given.
        ids: Only these.
        known_values: Names of values besides those that some image has.

    Raises:
        UsageError: The filter cannot be read, or an id is not in the library.
    """
    condition = choose(r, where, ids, known_values)
    rows = r.execute(
        f"SELECT image.id FROM {TABLES} WHERE {condition.sql} ORDER BY image.id",  # noqa: S608
        condition.parameters,
    )
    found = [row[0] for row in rows]
    if ids is not None and len(found) < len(set(ids)) and where is None:
        missing = ", ".join(str(one) for one in sorted(set(ids) - set(found))[:10])
        raise UsageError(f"no image of the library has the id {missing}")
    return found


def with_results(r: Reading) -> list[int]:
    """Return the ids of images that have been indexed since they were registered.

    Only these can have results; those in the trash are left out.
    """
    found = r.execute("SELECT id FROM image WHERE indexed > 0 AND trashed = 0 ORDER BY id")
    return [row[0] for row in found]


def rows(
    r: Reading,
    where: str | None = None,
    *,
    ids: Collection[int] | None = None,
    sort: str = "id",
    descending: bool = False,
    limit: int | None = None,
    offset: int = 0,
    known_values: Collection[str] = (),
    columns: Collection[str] = (),
) -> list[dict[str, object]]:
    """Return images as flat rows: id, name, group, state, flag, stale, and all values.

    Args:
        r: The reading.
        where: A filter, as for ``select``.
        ids: Only these.
        sort: A column or value; images without it come last.
        descending: Whether the largest comes first.
        limit: How many at most.
        offset: How many of the first to leave out.
        known_values: Names of values besides those that some image has.
        columns: Fields to show besides, such as ``comment``.

    Returns:
        One dict an image; a value that is absent or not there yet is None.

    Raises:
        UnknownNameError: Nobody knows a field.
    """
    known = {*value_names(r), *known_values}
    names = sorted(known)
    condition = choose(r, where, ids, known_values)
    order = order_by(sort, known, descending=descending)
    more = [name for name in dict.fromkeys(columns) if name not in ALWAYS]
    added = [field(name, known) for name in more]
    found = r.execute(
        "SELECT image.id, image.name, image.grp, last.state, image.flag, image.stale, "  # noqa: S608
        f"image.results{''.join(f', {one.sql}' for one in added)} "
        f"FROM {TABLES} WHERE {condition.sql} ORDER BY {order.sql} LIMIT ? OFFSET ?",
        (*(value for one in added for value in one.parameters),
         *condition.parameters, *order.parameters,
         -1 if limit is None else limit, offset),
    )  # fmt: skip
    return [_flat(row, names, more) for row in found]


def absences(r: Reading, image_id: int) -> dict[str, str]:
    """Return why values of an image are absent, by name."""
    row = r.execute("SELECT absences FROM image WHERE id = ?", (image_id,)).fetchone()
    return dict(json.loads(row[0])) if row else {}


def previous_value(r: Reading, image_id: int, value: str) -> float | int | str | None:
    """Return a value of the image recorded before one in its group, the nearest that has it.

    Images without a time count as recorded last, in the order of their import.
    """
    found = value_field(value)
    row = r.execute(
        f"SELECT {found.sql} FROM image JOIN image AS own ON own.id = ? AND own.grp = image.grp "  # noqa: S608
        "WHERE (coalesce(image.recorded_at, '~'), image.id) "
        "< (coalesce(own.recorded_at, '~'), own.id) "
        f"AND {found.sql} IS NOT NULL "
        "ORDER BY coalesce(image.recorded_at, '~') DESC, image.id DESC LIMIT 1",
        (*found.parameters, image_id, *found.parameters),
    ).fetchone()
    return None if row is None else row[0]


def recent_median(r: Reading, group: str, value: str, count: int = 50) -> float | None:
    """Return the median of a value over the last images of a group to be calculated.

    Args:
        r: The reading.
        group: The group.
        value: Name of the value.
        count: Over how many images.

    Returns:
        None where none of the recent images has it.
    """
    fragment = value_field(value)
    found = r.execute(
        f"SELECT value FROM (SELECT {fragment.sql} AS value FROM image "  # noqa: S608
        "WHERE grp = ? AND indexed > 0 ORDER BY indexed DESC LIMIT ?) "
        "WHERE typeof(value) IN ('integer', 'real') LIMIT ?",
        (*fragment.parameters, group, count * _LOOK_BACK, count),
    )
    numbers = [float(row[0]) for row in found]
    return statistics.median(numbers) if numbers else None


def find_by_path(r: Reading, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return the latest image that was imported from each path, with its recording's identity."""
    wanted = {storable(path): path for path in paths}
    rows = r.execute(
        "SELECT source, id, source_id FROM image "
        "WHERE source IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps([*wanted]),),
    )
    return {wanted[row[0]]: (row[1], row[2]) for row in rows}


def find_by_source(r: Reading, source_ids: Iterable[str]) -> dict[str, int]:
    """Return the images of recordings that are in the library already, by recording."""
    wanted = {storable(one): one for one in source_ids}
    found = r.execute(
        "SELECT source_id, id FROM image WHERE source_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(wanted)),),
    )
    return {wanted[row[0]]: row[1] for row in found}


def find_by_name(r: Reading, name: str, group: str | None = None) -> list[int]:
    """Return the images of a name, in one group or in all."""
    found = r.execute(
        "SELECT id FROM image WHERE name = ?1 AND grp = coalesce(?2, grp) ORDER BY id",
        (name, group),
    )
    return [row[0] for row in found]


def taken_names(r: Reading, group: str, names: Iterable[str]) -> set[str]:
    """Return those of some names that images of a group have."""
    found = r.execute(
        "SELECT name FROM image WHERE grp = ? AND name IN (SELECT value FROM json_each(?))",
        (group, json.dumps(list(names))),
    )
    return {row[0] for row in found}


def groups(r: Reading) -> dict[str, int]:
    """Return how many images each group has."""
    return {row[0]: row[1] for row in r.execute("SELECT grp, count(*) FROM image GROUP BY grp")}


def place_of(r: Reading, image_id: int) -> tuple[str, str]:
    """Return group and name of an image, which name its folder."""
    row = r.execute("SELECT grp, name FROM image WHERE id = ?", (image_id,)).fetchone()
    if row is None:
        raise UsageError(f"no image of the library has the id {image_id}")
    return row[0], row[1]


def places(r: Reading, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return group and name of images by id; those that are not there are left out."""
    found = r.execute(
        "SELECT id, grp, name FROM image WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([*ids]),),
    )
    return {row[0]: (row[1], row[2]) for row in found}


def stale_scripts(r: Reading, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Return the scripts whose results are stale, for those of some images that have any."""
    found = r.execute(
        "SELECT id, stale FROM image WHERE stale != '[]' "
        "AND id IN (SELECT value FROM json_each(?))",
        (json.dumps([*ids]),),
    )
    return {row[0]: tuple(json.loads(row[1])) for row in found}


def root_products(r: Reading, ids: Collection[int]) -> dict[int, str]:
    """Return the kind of images by id; those that are not there are left out."""
    found = r.execute(
        "SELECT id, root_product FROM image WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([*ids]),),
    )
    return {row[0]: row[1] for row in found}


def _flat(row: sqlite3.Row, names: Iterable[str], more: Iterable[str]) -> dict[str, object]:
    flat: dict[str, object] = {
        "id": row[0],
        "name": row[1],
        "group": row[2],
        "state": row[3],
        "flag": row[4],
        "stale": json.loads(row[5]),
    }
    results = json.loads(row[6])
    for name in names:
        flat.setdefault(name, results.get(name))
    for name, value in zip(more, row[len(ALWAYS) + 1 :], strict=True):
        flat[name] = bool(value) if name in TRUTHS else value
    return flat
