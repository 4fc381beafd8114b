"""``image move``: images into another group."""

from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import (
    Everything,
    Images,
    Where,
    choose_images,
    open_project,
    state_refusals,
)
from cryobatch.cli.progress import Progress
from cryobatch.cli.tables import count_images

if TYPE_CHECKING:
    from cryobatch.project.moving import Difference


def move(
    context: typer.Context,
    group: Annotated[str, typer.Argument(metavar="GROUP")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Move images into a group, which is made where there is none; what holds for it holds then."""
    from cryobatch.project.moving import Mover

    with open_project(context) as project:
        mover = Mover(project.images)
        selection = choose_images(project, everything, images, where)
        for one in mover.compare(selection, group):
            typer.echo(_describe(one, group))
        with Progress("moving") as progress:
            report = mover.move(selection, group, done=progress.show)
    typer.echo(f"{count_images(sum(map(len, report.moved.values())))} moved to {group}")
    if report.stale:
        typer.echo(f"{report.stale} with stale results: cryobatch submit --stale")
    state_refusals(report.refused.values())


def _describe(one: "Difference", group: str) -> str:
    now, then = ("not set" if value is None else value for value in (one.now, one.then))
    return f"{one.name}: {now} in {one.group}, {then} in {group} ({count_images(one.images)})"
