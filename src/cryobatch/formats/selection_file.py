"""The file of saved selections: images that people have named, for everybody in the project."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cryobatch.errors import SettingsError
from cryobatch.formats.toml_checks import Checked, parse_file
from cryobatch.formats.toml_text import Table, format_tables

FILE_NAME = "selections.toml"
_RANGES = re.compile(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?")


@dataclass(frozen=True, slots=True)
class SavedSelection:
    """Images under a name.

    Args:
        where: An expression: whatever fulfils it when it is asked for; None: the images.
        images: Their ids, in rising order.
        saved_at: When, ISO 8601.
    """

    where: str | None = None
    images: tuple[int, ...] = ()
    saved_at: str = ""


def read(path: Path) -> dict[str, SavedSelection]:
    """Read all saved selections by name, in their order; none where there is no file.

    Raises:
        SettingsError: It cannot be read or something in it is wrong; the text says where.
    """
    if not path.exists():
        return {}
    top = Checked(str(path), "", parse_file(path))
    top.only({"selections"})
    return top.table("selections", required=False).each(_load)


def dumps(selections: Mapping[str, SavedSelection]) -> str:
    """Return the text of the file."""
    tables: dict[tuple[str, ...], Table] = {
        ("selections", name): {
            "where": one.where,
            "images": None if one.where is not None else write_ranges(one.images),
            "saved_at": one.saved_at,
        }
        for name, one in selections.items()
    }
    return format_tables(tables)


def write_ranges(ids: Iterable[int]) -> str:
    """Return ids as a short text.

    >>> write_ranges([3, 4, 5, 9])
    '3-5,9'
    """
    runs = groupby(enumerate(sorted(ids)), lambda item: item[1] - item[0])
    spans = ([one for _, one in run] for _, run in runs)
    return ",".join(f"{s[0]}-{s[-1]}" if len(s) > 1 else f"{s[0]}" for s in spans)


def read_ranges(text: str) -> Iterator[int]:
    """Yield the ids that a text of ``write_ranges`` names."""
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _load(table: Checked) -> SavedSelection:
    table.only({"where", "images", "saved_at"})
    where = table.optional_text("where")
    text = table.optional_text("images")
    if (where is None) == (text is None):
        raise SettingsError(f"{table.place('where')}: give either 'where' or 'images'")
    if text is not None and not _RANGES.fullmatch(text):
        raise SettingsError(f"{table.place('images')} should be ids such as 3-5,9")
    images = tuple(read_ranges(text or ""))
    return SavedSelection(where, images, table.optional_text("saved_at") or "")
