"""Options that several commands share."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError
from cryobatch.model.facts import FACTS

if TYPE_CHECKING:
    from cryobatch.project import Project, Selection
    from cryobatch.project.queueing import Queue
    from cryobatch.project.submission import Choice

Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
Images = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID...",
        help="These images: ids, ranges such as 3-9, names, or @NAME of a saved selection.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION",
        help="Images that fulfil this, such as 'ctf_resolution < 4 and flag != \"red\"'.",
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="All images that are not in the trash.")]
Scripts = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Run these scripts; their order is fixed.")
]
WorkflowName = Annotated[
    str | None, typer.Option("--workflow", metavar="NAME", help="Run a workflow of project.toml.")
]
Top = Annotated[bool, typer.Option("--top", help="Put the batches on top of the queue.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SCRIPT.PARAMETER=VALUE", help="Give a parameter; may be repeated."
    ),
]
Processors = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="How many processors; default: settings.")
]

MANY = 1000
"""Images whose parameter files take more than a moment to read."""
_USUAL_FACTS = (
    "pixel_size", "voltage", "cs", "amplitude_contrast", "dose_per_frame", "pre_exposure",
    "gain", "gain_rotation", "gain_flip", "defects",
)  # fmt: skip


def open_project(context: typer.Context) -> "Project":
    """Open the project that the command line names."""
    from cryobatch.project import Project
    from cryobatch.project.site import adopt_umask

    folder: Path = context.obj
    project = Project.open(folder)
    adopt_umask(project.site)
    _look_for_stale(project)
    return project


def _look_for_stale(project: "Project") -> None:
    """Bring the stale marks up to date, unless a daemon does that."""
    from cryobatch.daemon.lock import find_holder

    unchecked = project.find_unchecked()
    if not unchecked or find_holder(project.place.lock) is not None:
        return
    if len(unchecked) > MANY:
        text = f"scripts or settings have changed: looking through {len(unchecked)} images"
        typer.echo(text, err=True)
    project.images.index(unchecked)
    project.note_checked()


@contextmanager
def open_queue(context: typer.Context) -> Iterator["Queue"]:
    """Open only the project's queue: in half the time, for commands that people wait for."""
    from cryobatch.formats.settings_file import read_project_settings
    from cryobatch.project.creation import SETTINGS_FILE, find_project
    from cryobatch.project.place import find_place
    from cryobatch.project.queueing import Queue
    from cryobatch.store.database import Database

    root = find_project(context.obj)
    place = find_place(root, read_project_settings(root / SETTINGS_FILE))
    with Database(place.database) as database:
        yield Queue(database, place)


def choose_images(
    project: "Project", everything: bool, images: list[str] | None, where: str | None
) -> "Selection":
    """Return the selection that the options mean."""
    from cryobatch.project import Selection

    ids = tuple(one for text in images or () for one in _read_ids(project, text))
    return Selection(everything=everything, images=tuple(dict.fromkeys(ids)), where=where)


def choose_scripts(
    project: "Project",
    scripts: str | None,
    workflow: str | None,
    assignments: list[str] | None,
    *,
    force: bool = False,
    top: bool = False,
    first_now: bool = False,
) -> "Choice":
    """Return the choice that the options mean."""
    from cryobatch.project.submission import Choice

    if scripts is not None and workflow is not None:
        raise UsageError("give either --scripts or --workflow")
    names = None
    if scripts is not None:
        names = tuple(name.strip() for name in scripts.split(",") if name.strip())
    parameters = project.parse_parameters(assignments or ())
    return Choice(names, workflow, parameters, force, top, first_now)


def read_assignments(texts: list[str], example: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` texts."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise UsageError(f"{text!r}: write {example}")
        found[name.strip()] = value.strip()
    return found


def takes_facts(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each acquisition fact; it gets them as ``facts``.

    Args:
        command: Takes ``facts``: a mapping of those that were given.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:  # typer's own calling convention
        given = {name: kwargs.pop(name, None) for name in FACTS}
        facts = {name: value for name, value in given.items() if value is not None}
        command(*args, facts=facts, **kwargs)

    signature = inspect.signature(command)
    own = [item for name, item in signature.parameters.items() if name != "facts"]
    added = [_fact_option(name) for name in FACTS]
    wrapper.__signature__ = signature.replace(parameters=own + added)  # type: ignore[attr-defined]  # read by inspect
    wrapper.__annotations__ = {item.name: item.annotation for item in own + added}
    return wrapper


def _fact_option(name: str) -> inspect.Parameter:
    declared = FACTS[name]
    option = typer.Option(
        "--" + name.replace("_", "-"),
        metavar=declared.unit or {"file": "FILE", "int": "N"}.get(declared.kind, "VALUE"),
        help=declared.help[0].upper() + declared.help[1:] + ".",
        hidden=name not in _USUAL_FACTS,
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


def _read_ids(project: "Project", text: str) -> list[int]:
    if text.startswith("@"):
        return [*project.images.select(project.selections.get(text[1:]))]
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if part.isdigit():
            found.append(int(part))
        elif dash and first.isdigit() and last.isdigit():
            if int(last) < int(first):
                raise UsageError(f"--images {part}: the range is empty, write {last}-{first}")
            found += range(int(first), int(last) + 1)
        else:
            found.append(project.images.find(part.strip()))
    return found


def state_refusals(refused: Iterable[str]) -> None:
    """Say on standard error what was not done and why, and end with code 1 if there is any."""
    refused = list(refused)
    for text in refused:
        tell_trouble(text)
    if refused:
        raise typer.Exit(1)
