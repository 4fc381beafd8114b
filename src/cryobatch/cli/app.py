"""All commands by noun; only the one that is meant is loaded."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cryobatch.errors import UnknownNameError

COMMANDS = {
    "new": ("intake", "new", "Make a new project."),
    "import": ("intake", "import_recordings", "Bring recordings in, once, and queue batches."),
    "watch": ("watch", "app", "Import recordings from folders as they come."),
    "copy": ("copy", "app", "Copy results to another place as they come."),
    "submit": ("submission", "submit", "Queue batches of images."),
    "run": ("working", "run", "Work the queue until it is empty."),
    "serve": ("working", "serve", "Work the queue until Ctrl-C."),
    "queue": ("queue", "app", "See what waits, and change its order."),
    "processors": ("processors", "app", "See what the processors do; have more or fewer."),
    "log": ("log", "show", "See what was done to every image, and when."),
    "failures": ("failures", "app", "See what has failed, by cause; queue it again."),
    "library": ("library", "show", "See all images and their values."),
    "selection": ("selection", "app", "Keep images under a name, for everybody."),
    "image": ("image", "app", "See one image; correct facts, lock values, flag."),
    "scripts": ("scripts", "app", "See the processing steps; begin one of your own."),
    "export": ("export", "app", "Give images to RELION, cryoSPARC, or as a table."),
    "settings": ("settings", "app", "See what holds for the project; change it."),
    "doctor": ("doctor", "doctor", "See that all is well; build the library again."),
    "demo": ("demo", "demo", "Follow a simulated microscope, and see found against true."),
}
"""Module, object and a line of help of each command, in the order of the help."""


class LazyGroup(TyperGroup):
    """A group that loads a command when it is called, so that the help appears at once."""

    def list_commands(self, ctx: Any) -> list[str]:  # Any: typer brings a parser of its own
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # Any: as above
        """Load one command."""
        if cmd_name not in COMMANDS:
            raise UnknownNameError("command", cmd_name, COMMANDS)
        module, name, _ = COMMANDS[cmd_name]
        found = getattr(import_module(f"cryobatch.cli.{module}"), name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # Any: as above
        """Write the help's list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


app = typer.Typer(
    name="cryobatch",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
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
            show_default=False,
        ),
    ] = Path(),
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Process cryo-EM recordings while they are being made."""
    context.obj = project
