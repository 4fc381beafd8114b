"""Listings: a table for people, JSON for programs."""

import json
import math
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from cryobatch.cli.layout import GAP, INDENT, Layout, lay_out, shorten, shorten_alike

if TYPE_CHECKING:
    from rich.text import Text


def show_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], nothing: str) -> None:
    """Show rows as a table; on a terminal with colours, elsewhere as aligned text.

    Args:
        rows: What each column holds.
        columns: Which to show, in their order.
        nothing: What to say when there is no row.
    """
    if not rows:
        typer.echo(nothing)
        return
    cells = [[describe(row.get(name)) for name in columns] for row in rows]
    numeric = [all(_is_number(row.get(name)) for row in rows) for name in columns]
    if sys.stdout.isatty():
        _show_rich(cells, columns, numeric)
    else:
        typer.echo(align([list(columns), *cells], numeric))


def show_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def show_json_rows(rows: Iterable[Mapping[str, object]]) -> None:
    """Print a list of objects as JSON, one a line, while they come."""
    separator = "[\n"
    for row in rows:
        sys.stdout.write(separator + json.dumps(row, ensure_ascii=False))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def count(number: int, one: str, several: str) -> str:
    """Return a number of things.

    >>> count(1, "batch", "batches"), count(2, "batch", "batches")
    ('1 batch', '2 batches')
    """
    return f"{number} {one if number == 1 else several}"


def count_batches(number: int) -> str:
    """Return a number of batches."""
    return count(number, "batch", "batches")


def count_images(number: int) -> str:
    """Return a number of images."""
    return count(number, "image", "images")


def align(rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Return rows as text with aligned columns, numbers to the right.

    >>> print(align([["id", "name"], ["7", "a"], ["12", "bc"]], [True, False]))
    id  name
     7  a
    12  bc
    """
    widths = [max(len(row[place]) for row in rows) for place in range(len(numeric))]
    lines = []
    for row in rows:
        cells = zip(row, widths, numeric, strict=True)
        text = GAP.join(c.rjust(w) if right else c.ljust(w) for c, w, right in cells)
        lines.append(text.rstrip())
    return "\n".join(lines)


def describe(value: object) -> str:
    """Return a cell's text: short numbers, nothing for what is absent, no line breaks."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return describe_number(value)
    if isinstance(value, list | tuple):
        return ",".join(describe(item) for item in value)
    return " ".join(str(value).split())


def describe_number(value: float) -> str:
    """Return a number with about four digits, without an exponent where that is readable.

    >>> [describe_number(one) for one in (12345.678, 3.14159, 0.00123, 2.0)]
    ['12346', '3.142', '0.00123', '2']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}"


def describe_time(seconds: float) -> str:
    """Return a moment in the local time, to the second."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def time_to_json(seconds: float) -> str:
    """Return a moment in ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat("T", "milliseconds")


def describe_duration(seconds: float) -> str:
    """Return a duration as a person says it.

    >>> [describe_duration(one) for one in (4.2, 75, 4000, 200_000)]
    ['4 s', '1 min 15 s', '1 h 06 min', '2 d 7 h']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _show_rich(
    cells: Sequence[Sequence[str]], columns: Sequence[str], numeric: Sequence[bool]
) -> None:
    from rich.console import Console

    console = Console()
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    whole = [place for place, name in enumerate(columns) if numeric[place] or name in _WHOLE]
    layout = lay_out(widths, console.width, whole=whole, last_is_text=not numeric[-1])
    by_column = zip(zip(*cells, strict=True), layout.widths, strict=True)
    shown = [shorten_alike(column, width) for column, width in by_column]
    if not numeric[-1]:
        shown[-1] = [row[-1] for row in cells]
    titles = [shorten(name, width) for name, width in zip(columns, layout.widths, strict=True)]
    for number, row in enumerate([titles, *zip(*shown, strict=True)]):
        for line in _draw(row, layout, numeric):
            line.stylize("" if number else "bold")
            console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _draw(row: Sequence[str], layout: Layout, numeric: Sequence[bool]) -> Iterator["Text"]:
    """Yield the lines of one row."""
    from rich.text import Text

    *others, last = row
    start = sum(layout.widths[:-1]) + len(GAP) * len(others)
    line = Text()
    for text, width, right in zip(others, layout.widths, numeric, strict=False):
        line.append(text.rjust(width) if right else text.ljust(width), _STYLES.get(text))
        line.append(GAP)
    pieces = textwrap.wrap(last, layout.widths[-1]) or [""]
    if numeric[-1]:
        pieces = [last.rjust(layout.widths[-1])]
    if layout.below:
        line.rstrip()
        yield line
        start = INDENT
    else:
        yield line.append(pieces.pop(0), _STYLES.get(last))
    for piece in pieces:
        yield Text(" " * start + piece)


_WHOLE = {"time", "since", "first", "last", "ended", "state", "level", "verdict"}
"""Columns that say nothing when they are shortened."""
_STYLES = {
    "red": "red", "failed": "red", "error": "red", "lost": "red", "amber": "yellow",
    "warning": "yellow", "green": "green", "done": "green", "running": "cyan", "busy": "cyan",
}  # fmt: skip
