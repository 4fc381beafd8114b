"""Which images of the library are meant, and in which order, as SQL."""

import json
from collections.abc import Collection

from cryobatch.store.database import Reading
from cryobatch.store.expression import parse_filter
from cryobatch.store.fields import COLUMNS, TRASHED, Fragment, field


def choose(
    r: Reading, where: str | None, ids: Collection[int] | None, known_values: Collection[str]
) -> Fragment:
    """Return the condition that images fulfil.

    Args:
        r: The reading.
        where: A filter, see ``expression``. What is in the trash is left out, unless the filter
            asks for ``trashed`` or ids are given.
        ids: Only these.
        known_values: Names of values besides those that some image has.
    """
    parts: list[Fragment] = []
    names: frozenset[str] = frozenset()
    if where is not None and where.strip():
        wanted = parse_filter(where, {*value_names(r), *known_values})
        parts.append(wanted.condition)
        names = wanted.names
    if ids is not None:
        text = json.dumps([*ids])
        parts.append(Fragment("image.id IN (SELECT value FROM json_each(?))", (text,)))
    elif TRASHED not in names:
        parts.append(Fragment(f"{COLUMNS[TRASHED]} = 0"))
    sql = " AND ".join(part.sql for part in parts) or "1"
    return Fragment(sql, tuple(value for part in parts for value in part.parameters))


def order_by(sort: str, known: Collection[str], *, descending: bool) -> Fragment:
    """Return the order of images by a column or value; those without it come last.

    Raises:
        UnknownNameError: Nobody knows the field.
    """
    order = field(sort, known)
    direction = "DESC" if descending else "ASC"
    if sort == "id":
        # The table lies sorted already: the newest few of 100,000 cost nothing.
        return Fragment(f"image.id {direction}")
    sql = f"{order.sql} IS NULL, {order.sql} {direction}, image.id ASC"
    return Fragment(sql, order.parameters * 2)


def value_names(r: Reading) -> list[str]:
    """Return the names of all values that some image has or had, sorted."""
    return [row[0] for row in r.execute("SELECT name FROM value_name ORDER BY name")]
