"""``library``: the table of all images and their values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import Json, Where, open_project
from cryobatch.cli.tables import show_json_rows, show_rows
from cryobatch.errors import UnknownNameError

if TYPE_CHECKING:
    from cryobatch.project import Project

SHOWN = 200
_FIXED = ("id", "name", "group", "state", "flag", "stale")
_USUAL = ("defocus_u", "defocus_v", "ctf_resolution", "drift_range", "particle_count")


def show(
    context: typer.Context,
    where: Where = None,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="-COLUMN for the largest first.")
    ] = "id",
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Show these; 'all' for every value.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"How many images; default: {SHOWN}, in JSON all.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Show images and their values: choose, sort, filter."""
    number = limit if limit is not None or json else SHOWN
    with open_project(context) as project:
        rows = project.images.rows(
            where, sort=sort.removeprefix("-"), descending=sort.startswith("-"), limit=number
        )
        left = _count(project, where) - len(rows) if len(rows) == number else 0
        known = {*_FIXED, *project.value_names(), *(rows[0] if rows else ())}
    names = _choose_columns(columns, rows, known)
    if json:
        show_json_rows(rows if columns is None else ({n: r.get(n) for n in names} for r in rows))
        return
    show_rows(rows, names, "no image" + (" fulfils this" if where else " yet"))
    if left > 0:
        typer.echo(f"... and {left} more (see --limit)")


def _count(project: "Project", where: str | None) -> int:
    from cryobatch.project import Selection

    return len(project.images.select(Selection(everything=where is None, where=where)))


def _choose_columns(
    text: str | None, rows: Sequence[dict[str, object]], known: set[str]
) -> Sequence[str]:
    present = rows[0] if rows else {}
    if text is None:
        return [*_FIXED, *(name for name in _USUAL if name in present)]
    if text == "all":
        return [*_FIXED, *(name for name in present if name not in _FIXED)]
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UnknownNameError("column of the library", name, known)
    return names
