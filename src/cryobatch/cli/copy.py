"""``copy``: results are copied to another place as they come."""

from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Json, open_project, state_refusals
from cryobatch.cli.tables import count, count_images, describe_time, show_json, time_to_json
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.project import Project
    from cryobatch.project.central.copies import CopyReport

app = typer.Typer(
    cls=NounGroup,
    help="Copy results to another place as they come.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

SHOWN = 20
TOLD_EVERY = 100
NOTHING = 'nothing is copied: write [copy] to = "/a/folder" into project.toml'


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """Show what was copied, what is due, and what hinders it."""
    with open_project(context) as project:
        works = _daemon_works(project)
        report = project.central_copy.report(1_000_000 if json else SHOWN)
    if json:
        show_json(_to_json(report, works))
    else:
        _tell(report, works)


@app.command()
def now(
    context: typer.Context,
    again: Annotated[
        bool,
        typer.Option("--again", help="Compare everything again; begin an emptied place anew."),
    ] = False,
) -> None:
    """Copy what is due at once; without a daemon, do it here."""
    with open_project(context) as project:
        copy = project.central_copy
        target = copy.target()
        if target is None:
            raise UsageError(NOTHING)
        copy.request(again=again)
        if _daemon_works(project):
            typer.echo(f"the daemon copies to {target}")
            return
        _copy_here(project)


def _copy_here(project: "Project") -> None:
    from cryobatch.daemon.copier import copy_all

    trouble = copy_all(project, lambda due: typer.echo(f"{count_images(due)} left", err=True))
    report = project.central_copy.report(SHOWN)
    _tell(report, works=False)
    failed = [text for _, _, _, text in report.troubles]
    state_refusals([trouble] if trouble is not None else failed)


def _daemon_works(project: "Project") -> bool:
    from cryobatch.daemon.lock import find_holder

    return find_holder(project.place.lock) is not None


def _state(report: "CopyReport", works: bool) -> str:
    if report.to is None:
        return "off"
    state = str(report.status.get("state", "starting"))
    return state if works or state in {"away", "failed"} else "no daemon"


def _to_json(report: "CopyReport", works: bool) -> dict[str, object]:
    counts, again_at = report.counts, report.status.get("again_at")
    hindered = _state(report, works) in {"away", "failed"}
    return {
        "to": report.to,
        "state": _state(report, works),
        "reason": report.status.get("reason") if hindered else None,
        "again_at": time_to_json(again_at) if hindered and works and again_at else None,
        "images": counts.images,
        "due": counts.due if report.to is not None else 0,
        "files": counts.files,
        "bytes": counts.bytes,
        "copied_at": None if counts.copied_at is None else time_to_json(counts.copied_at),
        "failed": [
            {"id": number, "group": group, "name": name, "reason": text}
            for number, group, name, text in report.troubles
        ],
    }


def _tell(report: "CopyReport", works: bool) -> None:
    if report.to is None:
        typer.echo(NOTHING)
        return
    state, counts = _state(report, works), report.counts
    typer.echo(f"to {report.to}: {state}")
    size = f"{count(counts.files, 'file', 'files')}, {counts.bytes / 1e9:.2f} GB"
    typer.echo(f"{count_images(counts.images)} copied ({size}), {counts.due} due")
    if counts.copied_at is not None:
        typer.echo(f"last: {describe_time(counts.copied_at)}")
    if state in {"away", "failed"} and works:
        tell_trouble(str(report.status.get("reason")))
        typer.echo(f"again: {describe_time(report.status['again_at'])}, or 'cryobatch copy now'")
    if works:
        for number, group, name, text in report.troubles:
            tell_trouble(f"{group}/{name} (image {number}): {text}")
