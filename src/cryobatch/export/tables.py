"""Tables: images and their values as CSV, TSV or JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from cryobatch.errors import UsageError


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
    if kind is TableFormat.JSON:
        objects = (json.dumps({name: row.get(name) for name in columns}, ensure_ascii=False)
                   for row in rows)  # fmt: skip
        return "[\n" + ",\n".join(objects) + "\n]\n"
    text = io.StringIO()
    separator = "," if kind is TableFormat.CSV else "\t"
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if isinstance(value, str) and value[:1] in {"=", "@", "+", "-"}:
        return f"'{value}"  # a spreadsheet would calculate what a comment says
    return value
