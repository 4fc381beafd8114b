"""``watch``: folders whose recordings are imported as they come."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import (
    Assignments,
    Json,
    Scripts,
    Top,
    WorkflowName,
    choose_scripts,
    open_project,
    takes_facts,
)
from cryobatch.cli.tables import show_json, show_rows
from cryobatch.cli.trouble import tell_trouble
from cryobatch.cli.watch_status import describe_orders, report_to_json, tell_report
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.project import Project
    from cryobatch.project.watching import WatchedFolder

app = typer.Typer(
    cls=NounGroup,
    help="Import recordings from folders as they come.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

SHOWN = 20
NOTHING = "no folder is watched: 'cryobatch watch add FOLDER' begins"
Watches = Annotated[
    list[str] | None,
    typer.Argument(metavar="WATCH...", help="Watched folders, by number or path; default: all."),
]


@app.command()
@takes_facts
def add(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="It need not be there yet.")],
    scripts: Scripts = None,
    workflow: WorkflowName = None,
    top: Top = False,
    first_now: Annotated[
        bool,
        typer.Option(
            "--first-now",
            help="Put the first scripts of each image on top of the queue, the others at its end.",
        ),
    ] = False,
    assignments: Assignments = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the recordings.")] = False,
    move: Annotated[bool, typer.Option("--move", help="Move the recordings.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.1, metavar="MB/s", help="Copy no faster than this.")
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit/--no-submit", help="Whether to queue batches of the images.")
    ] = True,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Only files such as '*_fractions.tiff'; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave such files and folders out; repeatable."),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="Read facts and group from names: '{grid}_{square}_*'."
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(min=2, metavar="S", help="How long a file that cannot be proven complete must "
                     "be unchanged."),
    ] = 30.0,
    *,
    facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Watch a folder: import its recordings as they come, as long as 'cryobatch serve' runs.

    A folder that is watched already gets new orders. What was taken is not taken again.
    """
    from cryobatch.importing.take import Take
    from cryobatch.importing.watching.patterns import Patterns
    from cryobatch.importing.watching.settle import Patience
    from cryobatch.project.watching import Orders

    if copy and move:
        raise UsageError("give either --copy or --move")
    if rate is not None and not (copy or move):
        raise UsageError("--rate is for copies: give --copy or --move too")
    if top and first_now:
        raise UsageError("give either --top or --first-now")
    with open_project(context) as project:
        choice = choose_scripts(
            project, scripts, workflow, assignments, top=top, first_now=first_now
        )
        project.planner.check_new(choice)
        project.read_pattern(pattern)
        orders = Orders(
            facts=project.check_facts(facts),
            take=Take.COPY if copy else Take.MOVE if move else Take.LINK,
            rate_mb_s=rate,
            submit=submit,
            choice=choice,
            patterns=Patterns(tuple(include or ()), tuple(ignore or ())),
            patience=Patience(patient_s=patience),
            pattern=pattern,
        )
        watched = project.watching.add(folder, orders)
        works = _daemon_works(project)
    typer.echo(f"watching {watched.folder} (number {watched.id})")
    if not folder.is_dir():
        tell_trouble(f"{folder} is not there yet: waiting for it")
    if not works:
        tell_trouble("no daemon works here: 'cryobatch serve' follows it")


@app.command("list")
def show(context: typer.Context, json: Json = False) -> None:
    """Show which folders are watched, and what is done with their recordings."""
    with open_project(context) as project:
        works = _daemon_works(project)
        rows = [describe_orders(watched, works) for watched in project.watching.listing()]
    if json:
        show_json(rows)
    else:
        show_rows(rows, ("id", "folder", "state", "take", "scripts", "place"), NOTHING)


@app.command()
def start(context: typer.Context, watches: Watches = None) -> None:
    """Let the daemon follow folders."""
    with open_project(context) as project:
        for watched in _choose(project, watches):
            project.watching.start(watched)
            typer.echo(f"started: {watched.folder}")
        if not _daemon_works(project):
            tell_trouble("no daemon works here: 'cryobatch serve' follows them")


@app.command()
def stop(context: typer.Context, watches: Watches = None) -> None:
    """Let the daemon follow folders no more; what was taken is remembered."""
    with open_project(context) as project:
        for watched in _choose(project, watches):
            project.watching.stop(watched)
            typer.echo(f"stopped: {watched.folder}")


@app.command()
def remove(
    context: typer.Context,
    watches: Annotated[
        list[str], typer.Argument(metavar="WATCH...", help="Watched folders, by number or path.")
    ],
) -> None:
    """Forget folders; their images stay."""
    with open_project(context) as project:
        for watched in _choose(project, watches):
            project.watching.remove(watched)
            typer.echo(f"watched no more: {watched.folder}")


@app.command()
def scan(context: typer.Context, watches: Watches = None) -> None:
    """Look through folders at once, and take what has settled; without a daemon, do it here."""
    with open_project(context) as project:
        chosen = _choose(project, watches)
        if _daemon_works(project):
            for watched in chosen:
                project.watching.scan(watched)
                typer.echo(f"being looked through: {watched.folder}")
            return
        from cryobatch.daemon.importer import scan_once

        for watched in chosen:
            typer.echo(f"looking through {watched.folder}")
        scan_once(project, [watched.id for watched in chosen])
        for watched in chosen:
            tell_report(project.watching.report(watched, SHOWN), works=False)


@app.command()
def status(
    context: typer.Context,
    watches: Watches = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"Files to list; default: {SHOWN}, in JSON all.")
    ] = None,
    json: Json = False,
) -> None:
    """Show how folders get on: what was found, what waits and why, how quickly all goes."""
    number = limit if limit is not None or json else SHOWN
    with open_project(context) as project:
        works = _daemon_works(project)
        reports = [project.watching.report(item, number) for item in _choose(project, watches)]
    if json:
        show_json([report_to_json(report, works) for report in reports])
        return
    if not reports:
        typer.echo(NOTHING)
    for report in reports:
        tell_report(report, works)


def _daemon_works(project: "Project") -> bool:
    from cryobatch.daemon.lock import find_holder

    return find_holder(project.place.lock) is not None


def _choose(project: "Project", names: Sequence[str] | None) -> "list[WatchedFolder]":
    if not names:
        return project.watching.listing()
    return [project.watching.find(name) for name in names]
