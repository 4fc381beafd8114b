"""``image parameters``: parameters of scripts that hold for some images."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Everything, Images, Where, choose_images, open_project
from cryobatch.cli.tables import count_images
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError

if TYPE_CHECKING:
    from cryobatch.project import Project

app = typer.Typer(
    cls=NounGroup,
    help="Give scripts parameters that hold for some images.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Group = Annotated[str | None, typer.Option(help="All images of this group, also those to come.")]


@app.command("set")
def set_parameters(
    context: typer.Context,
    assignments: Annotated[list[str], typer.Argument(metavar="SCRIPT.PARAMETER=VALUE...")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    group: Group = None,
) -> None:
    """Set parameters for images, or for a group; an image's own value comes first."""
    from cryobatch.project.correction import set_parameters as change_parameters

    _check_ways(group, everything, images, where)
    with open_project(context) as project:
        given = project.parse_parameters(assignments)
        if group is not None:
            project.images.set_group_parameters(group, given)
            typer.echo(f"set for the group {group}")
            _tell_exceptions(
                project, group, {(s, n) for s, values in given.items() for n in values}
            )
            return
        selection = choose_images(project, everything, images, where)
        changed = project.images.update(selection, change_parameters(given))
    typer.echo(f"{count_images(len(changed))} changed")


@app.command()
def unset(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="SCRIPT.PARAMETER...")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    group: Group = None,
) -> None:
    """Take parameters back that were set for images, or for a group."""
    from cryobatch.project.correction import check_known, unset_parameters

    _check_ways(group, everything, images, where)
    with open_project(context) as project:
        wanted = {_read_name(text) for text in names}
        if group is not None:
            if not project.images.unset_group_parameters(group, wanted):
                check_known(wanted, project.catalog.scripts)
            typer.echo(f"taken back for the group {group}")
            _tell_exceptions(project, group, wanted)
            return
        selection = choose_images(project, everything, images, where)
        changed = project.images.update(selection, unset_parameters(wanted))
        if not changed:
            check_known(wanted, project.catalog.scripts)
    typer.echo(f"{count_images(len(changed))} changed")


def _check_ways(
    group: str | None, everything: bool, images: list[str] | None, where: str | None
) -> None:
    if group is not None and (everything or images or where is not None):
        raise UsageError("name either a group or images")


def _read_name(text: str) -> tuple[str, str]:
    """Read ``SCRIPT.PARAMETER``."""
    script, dot, name = text.strip().partition(".")
    if not (dot and script and name):
        raise UsageError(f"{text!r}: write SCRIPT.PARAMETER")
    return script, name


def _tell_exceptions(project: "Project", group: str, names: Collection[tuple[str, str]]) -> None:
    """Say which images do not follow their group."""
    for (script, name), ids in project.images.find_own_parameters(group, names).items():
        has = "image of the group has its" if len(ids) == 1 else "images of the group have their"
        tell_trouble(
            f"{len(ids)} {has} own value of {script}.{name}, which comes first; take it back with: "
            f"cryobatch image parameters unset {script}.{name} --where 'group == \"{group}\"'"
        )
