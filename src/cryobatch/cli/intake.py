"""``new`` and ``import``: make a project, bring recordings into it."""

from collections.abc import Mapping
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
from cryobatch.cli.progress import Progress
from cryobatch.cli.tables import count, count_batches, show_json
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.project.registration import ImportReport

SHOWN = 20


@takes_facts
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")],
    name: Annotated[str | None, typer.Option(help="Its name; default: the folder's.")] = None,
    *,
    facts: Mapping[str, str],
) -> None:
    """Make a new project.

    Acquisition facts that are given here hold for all recordings, whatever their files say.
    """
    from cryobatch.project import Project
    from cryobatch.project.site import adopt_umask, load_site

    adopt_umask(load_site())
    with Project.create(folder, name=name, facts=facts) as project:
        typer.echo(f"made the project {project.place.folder}")
        typer.echo(f"next: cryobatch --project {folder} import FOLDER_OF_RECORDINGS")


@takes_facts
def import_recordings(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders and files.")],
    scripts: Scripts = None,
    workflow: WorkflowName = None,
    top: Top = False,
    assignments: Assignments = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the recordings.")] = False,
    move: Annotated[bool, typer.Option("--move", help="Move the recordings.")] = False,
    submit: Annotated[
        bool, typer.Option("--submit/--no-submit", help="Whether to queue batches of the images.")
    ] = True,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="Read facts and group from names: '{grid}_{square}_*'."
        ),
    ] = None,
    json: Json = False,
    *,
    facts: Mapping[str, str],
) -> None:
    """Register recordings as images, once, and queue batches of them.

    Recordings stay where they are and are linked to, unless --copy or --move is given. The same
    recording again is not a new image.
    """
    from cryobatch.importing import Take

    if copy and move:
        raise UsageError("give either --copy or --move")
    take = Take.COPY if copy else Take.MOVE if move else Take.LINK
    with open_project(context) as project, Progress("registering", quiet=json) as progress:
        choice = choose_scripts(project, scripts, workflow, assignments, top=top)
        report = project.import_recordings(
            paths, facts=facts, take=take, choice=choice, submit=submit, names=pattern,
            done=progress.show,
        )  # fmt: skip
    if json:
        show_json(_to_json(report))
    else:
        _tell(report)
    if report.refused:
        raise typer.Exit(1)


def _to_json(report: "ImportReport") -> dict[str, object]:
    return {
        "images": list(report.images),
        "batches": list(report.batches),
        "known": report.known,
        "ignored": report.ignored,
        "refused": [{"path": str(item.path), "reason": item.reason} for item in report.refused],
        "remarks": list(report.remarks),
    }


def _tell(report: "ImportReport") -> None:
    typer.echo(
        f"{count(len(report.images), 'new image', 'new images')}, "
        f"{count_batches(len(report.batches))} queued; {report.known} "
        f"were known already, {report.ignored} other files were left alone"
    )
    for remark in report.remarks[:SHOWN]:
        typer.echo(remark)
    if len(report.remarks) > SHOWN:
        typer.echo(f"... and {len(report.remarks) - SHOWN} more remarks (see --json)")
    for item in report.refused:
        tell_trouble(f"not imported: {item.reason}")
