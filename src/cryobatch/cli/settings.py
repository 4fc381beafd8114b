"""``settings``: what holds for the project, who says so, and changes of it."""

from typing import Annotated, Any

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Json, open_project
from cryobatch.cli.tables import show_json, show_rows
from cryobatch.errors import UsageError

app = typer.Typer(
    cls=NounGroup,
    help="See what holds for the project, and change it.",
    add_completion=False,
    rich_markup_mode=None,
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")]


@app.callback(invoke_without_command=True)
def show_unless_told(context: typer.Context, json: Json = False) -> None:
    """See what holds for the project, and change it."""
    if context.invoked_subcommand is None:
        show(context, json=json)


@app.command("list")
def show(
    context: typer.Context,
    part: Annotated[
        str | None, typer.Argument(metavar="PART", help="Such as processors, or a script.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Facts that nobody has set too.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the settings, and who says so: default, site or project."""
    from cryobatch.project.settings_file import SettingsFile

    with open_project(context) as project:
        layers = SettingsFile(project).read().layers
        entries = [*layers.plain(), *layers.facts(), *layers.parameters()]
        workflows = layers.settings.workflows
        own = layers.project.get("workflows", {})
    rows: list[dict[str, Any]] = [
        {"setting": f"workflows.{name}", "value": list(scripts), "unit": "",
         "source": "project" if name in own else "default"}
        for name, scripts in workflows.items()
    ]  # fmt: skip
    rows += [
        {"setting": one.name, "value": one.value, "unit": one.unit, "source": one.source}
        for one in entries
        if one.path[0] != "acquisition" or everything or one.value is not None
    ]
    if part is not None:
        rows = [row for row in rows if part in row["setting"].split(".")[:-1]]
    if json:
        show_json(rows)
        return
    show_rows(rows, ("setting", "value", "unit", "source"), "no such settings")


@app.command("set")
def change(
    context: typer.Context,
    values: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Such as processors.number=4.")
    ],
    dry_run: DryRun = False,
) -> None:
    """Change settings in project.toml; everything else in it stays as it was written."""
    from cryobatch.project.settings_file import SettingsFile, parse_value

    with open_project(context) as project:
        file = SettingsFile(project)
        _change(file, parse_value(values, file.read().layers), dry_run)


@app.command()
def unset(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="Such as parameters.fit_ctf.box.")
    ],
    dry_run: DryRun = False,
) -> None:
    """Take the project's own word back: the site's holds, or the default."""
    from cryobatch.project.settings_file import SettingsFile

    if any("=" in name for name in names):
        raise UsageError("name settings without a value, such as processors.number")
    with open_project(context) as project:
        _change(SettingsFile(project), {tuple(name.split(".")): None for name in names}, dry_run)


def _change(file: Any, changes: dict[tuple[str, ...], Any], dry_run: bool) -> None:
    # Any: SettingsFile is imported when it is used; values have TOML's own variety.
    effects = file.preview(changes)
    if not dry_run:
        file.change(changes)
    for text in effects:
        typer.echo(text)
    if not dry_run:
        typer.echo(f"{len(changes)} changed" if len(changes) > 1 else "changed")
