"""``log``: what every processor did to every image, and when."""

import csv
import re
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from cryobatch.cli.options import Json, open_project
from cryobatch.cli.tables import describe_time, show_json, show_json_rows, show_rows, time_to_json
from cryobatch.errors import CryobatchError, UsageError
from cryobatch.model.batch import BEFORE_SCRIPTS
from cryobatch.model.event import Level

if TYPE_CHECKING:
    from cryobatch.project import Project
    from cryobatch.store.log import LogFilter, LogRow, PageKey

SHOWN = 50
PAGE = 1000
FOLLOW_INTERVAL_S = 0.2
_COLUMNS = ("time", "processor", "image", "batch", "script", "level", "text")
_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def show(
    context: typer.Context,
    level: Annotated[
        Level | None, typer.Option(help="Rows that matter at least so much.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="Name of an image.")] = None,
    processor: Annotated[str | None, typer.Option(help="Name of a processor.")] = None,
    batch: Annotated[int | None, typer.Option(help="Id of a batch.")] = None,
    script: Annotated[str | None, typer.Option(help="Name of a script.")] = None,
    text: Annotated[str | None, typer.Option(help="A part of the text.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Not before: 2026-01-31T12:00, or an age such as 2h."),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Not after.")] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="time, level, processor, image, batch or "
                                 "script; -COLUMN for the largest first.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"How many rows; default: the last {SHOWN}, else all.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new rows too.")] = False,
    to_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a CSV file; - prints it.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Show the log, newest last; --sort shows it in another order, --csv and --json all of it."""
    from cryobatch.store.log import LogFilter

    if follow and (sort is not None or to_csv is not None):
        raise UsageError("--follow shows rows as they come: leave --sort and --csv out")
    levels = None if level is None else tuple(Level)[tuple(Level).index(level) :]
    only = LogFilter(
        levels=levels, image=image, processor=processor, batch=batch, script=script, text=text,
        since=_read_time(since), until=_read_time(until),
    )  # fmt: skip
    with open_project(context) as project:
        if to_csv is not None:
            _write_csv(to_csv, _rows(project, only, sort, limit))
            return
        number = limit if limit is not None or (json and not follow) else SHOWN
        last = project.log.last_id()
        rows = _rows(project, only, sort, number)
        if json and not follow:
            show_json_rows(_to_json(row) for row in rows)
            return
        _show_some(list(rows), json, follow)
        if follow:
            _follow(project, only, last, json)


def _rows(
    project: "Project", only: "LogFilter", sort: str | None, limit: int | None
) -> "Iterator[LogRow]":
    """Yield rows in an order; without one the last rows, oldest first."""
    if sort is None and limit is not None:
        return reversed(project.log.page(only=only, limit=limit))
    column = (sort or "time").removeprefix("-")
    rows = _all_pages(project, only, column, descending=(sort or "").startswith("-"))
    return islice(rows, limit)


def _all_pages(
    project: "Project", only: "LogFilter", column: str, *, descending: bool
) -> "Iterator[LogRow]":
    from cryobatch.store.log import page_key

    after: PageKey | None = None
    while True:
        page = project.log.page(
            sort=column, descending=descending, limit=PAGE, after=after, only=only
        )
        yield from page
        if len(page) < PAGE:
            return
        after = page_key(page[-1], column)


def _show_some(rows: "list[LogRow]", json: bool, follow: bool) -> None:
    if not follow:
        show_rows([_to_row(row) for row in rows], _COLUMNS, "the log has no such row")
        return
    for row in rows:
        _show_line(row, json)


def _follow(project: "Project", only: "LogFilter", last: int, json: bool) -> None:
    while True:
        for row in project.log.since(last, only):
            _show_line(row, json)
            last = row.id
        sys.stdout.flush()
        time.sleep(FOLLOW_INTERVAL_S)


def _show_line(row: "LogRow", json: bool) -> None:
    if json:
        show_json(_to_json(row))
        return
    shown = _to_row(row)
    about = " ".join(str(shown[name]) for name in ("processor", "image", "script") if shown[name])
    typer.echo(f"{shown['time']}  {shown['level']:<7}  {about}: {shown['text']}")


def _write_csv(path: Path, rows: "Iterator[LogRow]") -> None:
    try:
        with nullcontext(sys.stdout) if str(path) == "-" else path.open(
            "w", newline="", encoding="utf-8", errors="backslashreplace"
        ) as file:  # fmt: skip
            _write_rows(file, rows)
    except BrokenPipeError:
        raise  # whoever read it has enough: no trouble
    except OSError as error:
        raise CryobatchError(f"{path}: cannot be written: {error.strerror}") from error


def _write_rows(file: TextIO, rows: "Iterator[LogRow]") -> None:
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for row in rows:
        shown = _to_json(row)
        writer.writerow(["" if shown[name] is None else shown[name] for name in _COLUMNS])


def _to_json(row: "LogRow") -> dict[str, object]:
    return {
        "id": row.id,
        "time": time_to_json(row.time),
        "processor": row.processor,
        "image": row.image,
        "image_id": row.image_id,
        "batch": row.batch,
        "script": row.script,
        "level": row.level.value,
        "text": row.text,
    }


def _to_row(row: "LogRow") -> dict[str, object]:
    script = None if row.script == BEFORE_SCRIPTS else row.script
    return {**_to_json(row), "time": describe_time(row.time), "script": script}


def _read_time(text: str | None) -> float | None:
    """Read a moment, or an age such as 90s, 30m, 2h, 1d; seconds since the epoch."""
    if text is None:
        return None
    age = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if age is not None:
        return time.time() - float(age[1]) * _AGES[age[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UsageError(
            f"{text!r}: write a time like 2026-01-31T12:00 or an age like 2h"
        ) from None
