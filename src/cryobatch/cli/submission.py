"""``submit``: queue batches of images."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import (
    Assignments,
    Everything,
    Images,
    Json,
    Scripts,
    Top,
    Where,
    WorkflowName,
    choose_images,
    choose_scripts,
    open_project,
)
from cryobatch.cli.tables import count_batches, show_json
from cryobatch.cli.trouble import tell_trouble

if TYPE_CHECKING:
    from cryobatch.project.submission import SubmissionReport


def submit(
    context: typer.Context,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    scripts: Scripts = None,
    workflow: WorkflowName = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Run just what is stale, of all images or of those.")
    ] = False,
    top: Top = False,
    force: Annotated[bool, typer.Option("--force", help="Run what is up to date too.")] = False,
    assignments: Assignments = None,
    json: Json = False,
) -> None:
    """Queue batches of images; the same batch that still waits is not doubled."""
    with open_project(context) as project:
        choice = choose_scripts(project, scripts, workflow, assignments, force=force, top=top)
        named = everything or bool(images) or where is not None
        selection = choose_images(project, everything or (stale and not named), images, where)
        report = project.submit(selection, replace(choice, stale=stale))
    if json:
        show_json(_to_json(report))
    else:
        _tell(report)
    if report.refused:
        raise typer.Exit(1)


def _to_json(report: "SubmissionReport") -> dict[str, object]:
    return {
        "batches": list(report.batches),
        "duplicates": list(report.duplicates),
        "refused": [{"image": image, "reason": why} for image, why in report.refused.items()],
        "left_out": dict(report.left_out),
    }


def _tell(report: "SubmissionReport") -> None:
    text = f"{count_batches(len(report.batches))} queued"
    if report.duplicates:
        text += f", {len(report.duplicates)} waited already"
    typer.echo(text)
    for script, reason in report.left_out.items():
        typer.echo(f"left out {script}: {reason}")
    for image, reason in report.refused.items():
        tell_trouble(f"image {image} was not queued: {reason}")
