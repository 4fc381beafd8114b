"""``selection``: images under a name, the same for everybody in the project."""

from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Everything, Images, Json, Where, choose_images, open_project
from cryobatch.cli.tables import count_images, show_json, show_rows

if TYPE_CHECKING:
    from cryobatch.formats.selection_file import SavedSelection
    from cryobatch.project import Project

app = typer.Typer(
    cls=NounGroup,
    help="Keep images under a name, for everybody in the project.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("list")
def list_selections(context: typer.Context, json: Json = False) -> None:
    """Show the saved selections, and how many images each means now."""
    with open_project(context) as project:
        saved = project.selections.listing()
        rows = [_to_row(project, name, one) for name, one in saved.items()]
    if json:
        show_json(rows)
    else:
        show_rows(rows, ("name", "count", "where", "saved_at"), "no selection is saved yet")


@app.command()
def save(
    context: typer.Context,
    name: Name,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    replace: Annotated[bool, typer.Option("--replace", help="Give a taken name anew.")] = False,
) -> None:
    """Keep images under a name; an expression is kept as it is, and means what fulfils it then."""
    with open_project(context) as project:
        selection = choose_images(project, everything, images, where)
        project.selections.save(name, selection, replace=replace)
        number = len(project.images.select(selection))
    typer.echo(f"{name}: {count_images(number)}; use it as --images '@{name}'")


@app.command()
def rename(
    context: typer.Context, name: Name, new: Annotated[str, typer.Argument(metavar="NEW")]
) -> None:
    """Give a selection another name."""
    with open_project(context) as project:
        project.selections.rename(name, new)
    typer.echo(f"{name} is called {new} now")


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Forget a selection; no image is touched."""
    with open_project(context) as project:
        project.selections.remove(name)
    typer.echo(f"{name} is forgotten")


def _to_row(project: "Project", name: str, one: "SavedSelection") -> dict[str, object]:
    number = len(one.images)
    if one.where is not None:
        number = len(project.images.select(project.selections.get(name)))
    return {"name": name, "count": number, "where": one.where, "saved_at": one.saved_at}
