"""What the library can be sorted and filtered by."""

from collections.abc import Collection
from dataclasses import dataclass

from cryobatch.errors import UnknownNameError

STALE = "stale"
TRASHED = "trashed"
HAS_RESULTS = "has_results"
TRUTHS = frozenset({STALE, TRASHED, HAS_RESULTS})
"""Columns that are true or false, and so conditions by themselves."""

COLUMNS = {
    "id": "image.id",
    "name": "image.name",
    "group": "image.grp",
    "state": "last.state",
    "flag": "image.flag",
    STALE: "(image.stale <> '[]')",
    TRASHED: "image.trashed",
    HAS_RESULTS: "(image.results <> '{}')",
    "comment": "image.comment",
    "frames": "image.frames",
    "root_product": "image.root_product",
    "source": "image.source",
    "recorded_at": "image.recorded_at",
    "imported_at": "image.imported_at",
    "pictured_at": "image.pictured_at",
}
"""SQL of what every image has, by its name."""

TABLES = (
    "image LEFT JOIN batch AS last "
    "ON last.id = (SELECT max(id) FROM batch WHERE batch.image_id = image.id)"
)
"""What ``COLUMNS`` refer to: images, each with its last batch."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of SQL.

    Args:
        sql: Its text, made of our own words only.
        parameters: What stands for its question marks.
    """

    sql: str
    parameters: tuple[object, ...] = ()


def field(name: str, values: Collection[str]) -> Fragment:
    """Return the SQL of a column, or of a value of the images.

    Args:
        name: What a person wrote.
        values: Names of the values that there can be.
    """
    if name in COLUMNS:
        return Fragment(COLUMNS[name])
    if name not in values:
        raise UnknownNameError("field of the library", name, {*COLUMNS, *values})
    return value_field(name)


def value_field(name: str) -> Fragment:
    """Return the SQL of a value, NULL where an image does not have it."""
    quoted = name.replace('"', "")
    return Fragment("json_extract(image.results, ?)", (f'$."{quoted}"',))
