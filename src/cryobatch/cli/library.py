"""``library``: the table of all images and their values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import Json, Where, open_project
from cryobatch.cli.tables import show_json_rows, show_rows
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.project import Project

SHOWN = 200
_FIXED = ("id", "name", "group", "state", "flag", "stale")
_USUAL = ("defocus_u", "defocus_v", "ctf_resolution", "drift_range", "particle_count")


def show(
    context: typer.Context,
    where: Where = None,
    selection: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the images of a saved selection.")
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="-COLUMN for the largest first.")
    ] = "id",
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Show these, any that --where knows; "
                            "'all' for every value.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"How many images; default: {SHOWN}, in JSON all.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Show images and their values: choose, sort, filter."""
    number = limit if limit is not None or json else SHOWN
    asked = _read_columns(columns)
    with open_project(context) as project:
        ids = (
            None if selection is None else project.images.select(project.selections.get(selection))
        )
        rows = project.images.rows(
            where,
            ids=ids,
            sort=sort.removeprefix("-"),
            descending=sort.startswith("-"),
            limit=number,
            columns=asked,
        )
        left = _count(project, where, ids) - len(rows) if len(rows) == number else 0
    names = asked or _usual_columns(rows, every=columns is not None)
    if json:
        show_json_rows(rows if columns is None else ({n: r.get(n) for n in names} for r in rows))
        return
    if rows or not left:
        show_rows(rows, names, "no image" + (" fulfils this" if where else " yet"))
    if left > 0:
        typer.echo(f"... and {left} more (see --limit)")


def _count(project: "Project", where: str | None, ids: Sequence[int] | None) -> int:
    from cryobatch.project import Selection

    if ids is not None:
        return len(ids) if where is None else len(project.images.rows(where, ids=ids))
    return len(project.images.select(Selection(everything=where is None, where=where)))


def _read_columns(text: str | None) -> Sequence[str]:
    """Return the columns that a person names, none for the usual ones and for all."""
    if text is None or text == "all":
        return ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError(
            "--columns names no column: write such as --columns name,defocus_u, or all"
        )
    return names


def _usual_columns(rows: Sequence[dict[str, object]], *, every: bool) -> Sequence[str]:
    """Return the columns to show: of the values those that some image has."""
    wanted = (rows[0] if rows else ()) if every else _USUAL
    found = [name for name in wanted if any(row.get(name) is not None for row in rows)]
    return [*_FIXED, *(name for name in found if name not in _FIXED)]
