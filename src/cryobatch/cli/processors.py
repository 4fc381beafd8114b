"""``processors``: see what they do, and say how many there shall be."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Json, open_project, state_refusals
from cryobatch.cli.tables import describe_duration, show_json, show_rows, time_to_json
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.store.processors import ProcessorRow

app = typer.Typer(
    cls=NounGroup,
    help="See what the processors do, and say how many there shall be.",
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def show_unless_told(context: typer.Context, json: Json = False) -> None:
    """See what the processors do, and say how many there shall be."""
    if context.invoked_subcommand is None:
        show(context, json)


@app.command("list")
def show(context: typer.Context, json: Json = False) -> None:
    """Show what each processor does."""
    from cryobatch.daemon.lock import find_holder

    with open_project(context) as project:
        rows = project.workforce.listing()
        abandoned = bool(rows) and find_holder(project.place.lock) is None
    if abandoned:  # the daemon was killed and could not say that its processors are no more
        rows = [replace(row, state="lost", progress=None) for row in rows]
    if json:
        show_json([_to_json(row) for row in rows])
        return
    if abandoned:
        tell_trouble("no daemon works here: start 'cryobatch serve' or 'cryobatch run'")
    nothing = "no processors: 'cryobatch run' or 'cryobatch serve' starts them"
    show_rows([_to_row(row) for row in rows], _COLUMNS, nothing)


@app.command("set")
def set_number(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, metavar="N", help="How many processors.")],
) -> None:
    """Have more or fewer processors while the daemon runs."""
    from cryobatch.project.doorbell import ring

    with open_project(context) as project:
        project.workforce.wish_number(number)
        heard = ring(project.place.doorbell)
    if not heard:
        tell_trouble("nothing runs at the moment: give --processors to run or serve")
        raise typer.Exit(1)
    typer.echo(f"processors wanted: {number}")


@app.command()
def kill(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="PROCESSOR...", help="Processors, by name.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All processors.")] = False,
) -> None:
    """End processors with all that they have started; their batches wait again on top."""
    from cryobatch.daemon.lock import find_holder
    from cryobatch.project.doorbell import ring

    if bool(names) == everything:
        raise UsageError("name processors (see 'cryobatch processors'), or give --all")
    with open_project(context) as project:
        if find_holder(project.place.lock) is None:  # the wish would hit a later daemon's
            tell_trouble("no daemon works here: there is nothing to end")
            raise typer.Exit(1)
        chosen = names or [row.id for row in project.workforce.listing()]
        unknown = project.workforce.wish_kill(chosen)
        ring(project.place.doorbell)
    typer.echo(f"being ended: {len(chosen) - len(unknown)}")
    state_refusals(f"{name}: is no processor" for name in unknown)


def _to_json(row: "ProcessorRow") -> dict[str, object]:
    return {
        "id": row.id,
        "state": row.state,
        "image": row.image,
        "script": row.script,
        "progress": row.progress,
        "batch": row.batch,
        "since": time_to_json(row.since),
        "host": row.host,
        "pid": row.pid,
    }


_COLUMNS = ("id", "state", "for", "image", "script", "progress", "batch", "host")


def _to_row(row: "ProcessorRow") -> dict[str, object]:
    progress = None if row.progress is None else f"{row.progress:.0%}"
    since = describe_duration(max(time.time() - row.since, 0))
    return {**_to_json(row), "progress": progress, "for": since}
