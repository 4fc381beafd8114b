"""Tables: images and their values as CSV, TSV or JSON."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from cryobatch.errors import UsageError

PIECE_ROWS = 1000
_FORMULA = frozenset("=@+-\t\n")
"""What a text begins with that a spreadsheet calculates; behind a tab or a new line it may."""


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    TSV = "tsv"
    JSON = "json"


def format_by_name(path: Path) -> TableFormat:
    """Return the format that a file's name ends with.

    >>> format_by_name(Path("images.tsv"))
    <TableFormat.TSV: 'tsv'>
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in set(TableFormat):
        known = ", ".join(f".{one}" for one in TableFormat)
        raise UsageError(f"{path}: a table's name ends with one of {known}; or give --format")
    return TableFormat(ending)


def format_table(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], kind: TableFormat
) -> str:
    """Return images as a table.

    Args:
        rows: What each column holds.
        columns: Which to write, in their order.
        kind: CSV and TSV have a line of names; what an image lacks is empty there, null in JSON.
    """
    return "".join(format_pieces(rows, columns, kind))


def format_pieces(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], kind: TableFormat
) -> Iterator[str]:
    """Yield a table, a thousand rows at a time: see ``format_table``."""
    parts = [rows[start : start + PIECE_ROWS] for start in range(0, len(rows), PIECE_ROWS)]
    if kind is TableFormat.JSON:
        for place, part in enumerate(parts):
            yield ("[\n" if place == 0 else ",\n") + ",\n".join(
                json.dumps({name: row.get(name) for name in columns}, ensure_ascii=False)
                for row in part
            )
        yield "\n]\n" if parts else "[]\n"
        return
    separator = "," if kind is TableFormat.CSV else "\t"
    yield _format_lines([columns], separator)
    for part in parts:
        yield _format_lines(([_cell(row.get(name)) for name in columns] for row in part), separator)


def _format_lines(lines: Iterable[Sequence[object]], separator: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # readers end a line at any of them
    return f"'{text}" if text[:1] in _FORMULA else text
