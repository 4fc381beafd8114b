"""``watch``: folders whose recordings are imported as they come."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from cryobatch.cli.tables import (
    count,
    describe_duration,
    describe_number,
    show_json,
    show_rows,
    time_to_json,
)
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.project import Project
    from cryobatch.project.watching import WatchedFolder, WatchReport
    from cryobatch.store.watching import FileRow

app = typer.Typer(
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
    from cryobatch.importing.settle import Patience
    from cryobatch.importing.take import Take
    from cryobatch.importing.watch_patterns import Patterns
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
        project.planner.check_names(choice)
        orders = Orders(
            facts=project.check_facts(facts),
            take=Take.COPY if copy else Take.MOVE if move else Take.LINK,
            rate_mb_s=rate,
            submit=submit,
            choice=choice,
            patterns=Patterns(tuple(include or ()), tuple(ignore or ())),
            patience=Patience(patient_s=patience),
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
        rows = [_describe(watched, works) for watched in project.watching.listing()]
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
            _tell(project.watching.report(watched, SHOWN), works=False)


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
        show_json([_to_json(report, works) for report in reports])
        return
    if not reports:
        typer.echo(NOTHING)
    for report in reports:
        _tell(report, works)


def _daemon_works(project: "Project") -> bool:
    from cryobatch.daemon.lock import find_holder

    return find_holder(project.place.lock) is not None


def _choose(project: "Project", names: Sequence[str] | None) -> "list[WatchedFolder]":
    if not names:
        return project.watching.listing()
    return [project.watching.find(name) for name in names]


def _state(watched: "WatchedFolder", works: bool) -> str:
    if not works:
        return "no daemon" if watched.active else "stopped"
    if "state" in watched.status:
        return str(watched.status["state"])
    return "starting" if watched.active else "stopped"


def _describe(watched: "WatchedFolder", works: bool) -> dict[str, object]:
    orders = watched.orders
    choice = orders.choice
    place = "top" if choice.top else "first on top" if choice.first_now else "bottom"
    return {
        "id": watched.id,
        "folder": str(watched.folder),
        "active": watched.active,
        "state": _state(watched, works),
        "take": orders.take.value,
        "rate_mb_s": orders.rate_mb_s,
        "scripts": list(choice.scripts or ()) or choice.workflow or "the project's workflow",
        "place": place if orders.submit else "not queued",
        "parameters": {name: dict(given) for name, given in (choice.parameters or {}).items()},
        "facts": dict(orders.facts),
        "include": list(orders.patterns.include),
        "ignore": list(orders.patterns.ignore),
        "patience_s": orders.patience.patient_s,
    }


def _settling(report: "WatchReport", works: bool) -> int:
    return int(report.watched.status.get("settling", 0)) if works else 0


def _to_json(report: "WatchReport", works: bool) -> dict[str, object]:
    settling = _settling(report, works)
    scanned_at = report.watched.status.get("scanned_at")
    return {
        "id": report.watched.id,
        "folder": str(report.watched.folder),
        "state": _state(report.watched, works),
        "found": sum(report.counts.values()) + settling,
        "settling": settling,
        **{state.value: number for state, number in report.counts.items()},
        "incomplete_files": [_file_to_json(report, row) for row in report.incomplete],
        "failed_files": [_file_to_json(report, row) for row in report.failed],
        "images_an_hour": report.images_an_hour,
        "delay_to_batch_s": report.delays.to_batch,
        "delay_to_batch_slow_s": report.delays.to_batch_slow,
        "delay_to_result_s": report.delays.to_result,
        "scanned_at": None if scanned_at is None else time_to_json(scanned_at),
        "scan_s": report.watched.status.get("scan_s"),
    }


def _file_to_json(report: "WatchReport", row: "FileRow") -> dict[str, object]:
    return {
        "path": _printable(str(report.watched.folder / row.path)),
        "state": row.state.value,
        "reason": row.reason,
        "noted_at": time_to_json(row.noted_at),
    }


def _printable(path: str) -> str:
    """Return a path as text, with the codes of bytes that are none."""
    return path.encode("utf-8", "backslashreplace").decode()


def _tell(report: "WatchReport", works: bool) -> None:
    watched = report.watched
    counts = {state.value: number for state, number in report.counts.items()}
    settling = _settling(report, works)
    typer.echo(f"{watched.id}  {watched.folder}  ({_state(watched, works)})")
    typer.echo(
        f"   {sum(counts.values()) + settling} found: {settling} settling, "
        f"{counts['imported']} imported, {counts['incomplete']} incomplete, "
        f"{counts['failed']} failed, {counts['rewritten']} rewritten"
    )
    _tell_speed(report)
    _tell_files(report.incomplete, counts["incomplete"])
    _tell_files(report.failed, counts["failed"] + counts["rewritten"])


def _tell_speed(report: "WatchReport") -> None:
    delays = report.delays
    parts = [f"{report.images_an_hour:.0f} images an hour"]
    if delays.to_batch is not None and delays.to_batch_slow is not None:
        slow = describe_number(delays.to_batch_slow)
        parts.append(
            f"from the last byte to the queue {describe_number(delays.to_batch)} s "
            f"(the slowest of a hundred: {slow} s)"
        )
    if delays.to_result is not None:
        parts.append(f"to the first result {describe_duration(delays.to_result)}")
    typer.echo("   " + ", ".join(parts))


def _tell_files(rows: "Sequence[FileRow]", number: int) -> None:
    for row in rows:
        name = " ".join(_printable(row.path).split())
        typer.echo(f"   {row.state.value}: {name}: {row.reason}")
    if number > len(rows):
        typer.echo(f"   ... and {count(number - len(rows), 'file', 'files')} more (see --limit)")
