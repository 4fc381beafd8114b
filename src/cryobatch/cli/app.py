"""All commands by noun."""

from pathlib import Path
from typing import Annotated

import typer

from cryobatch.cli import (
    image,
    intake,
    library,
    log,
    processors,
    queue,
    scripts,
    submission,
    working,
)

app = typer.Typer(
    name="cryobatch",
    help="Process cryo-EM recordings while they are being made.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from cryobatch import __version__

        typer.echo(f"cryobatch {__version__}")
        raise typer.Exit


@app.callback()
def remember_project(
    context: typer.Context,
    project: Annotated[
        Path,
        typer.Option(
            envvar="CRYOBATCH_PROJECT",
            help="The project's folder, or one in it; default: the current one.",
        ),
    ] = Path(),
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Its version.")
    ] = False,
) -> None:
    """Process cryo-EM recordings while they are being made."""
    context.obj = project


app.command("new")(intake.new)
app.command("import")(intake.import_recordings)
app.command("submit")(submission.submit)
app.command("run")(working.run)
app.command("serve")(working.serve)
app.add_typer(queue.app, name="queue")
app.add_typer(processors.app, name="processors")
app.command("log")(log.show)
app.command("library")(library.show)
app.add_typer(image.app, name="image")
app.add_typer(scripts.app, name="scripts")
