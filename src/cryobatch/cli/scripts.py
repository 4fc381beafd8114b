"""``scripts``: see the processing steps, begin one's own, check it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Json, open_project
from cryobatch.cli.script_templates import PYTHON, SHELL
from cryobatch.cli.tables import describe, show_json, show_rows
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import CryobatchError, ProjectError, UnknownNameError, UsageError
from cryobatch.model import ParameterValue, Script
from cryobatch.model.category import CATEGORIES, order_categories
from cryobatch.model.script import script_to_json

if TYPE_CHECKING:
    from cryobatch.processing.catalog import Catalog
    from cryobatch.project.parameter_faults import ParameterFault
    from cryobatch.project.submission import Planner

app = typer.Typer(
    cls=NounGroup,
    help="See the processing steps, begin one of your own, check it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


_OWN_CATEGORIES = " (one of your own stands in project.toml, in [categories])"


class Language(StrEnum):
    """What a new script is written in."""

    PYTHON = "python"
    SHELL = "shell"


@dataclass(frozen=True, slots=True)
class _Here:
    """What can be used where a person stands, in a project or not.

    Args:
        catalog: All scripts.
        categories: All categories that there are.
        parameters: What the site and the project say.
        faults: What their files, and groups', say wrongly.
    """

    catalog: "Catalog"
    categories: tuple[str, ...]
    parameters: list[Mapping[str, Mapping[str, ParameterValue]]]
    faults: "Sequence[ParameterFault]"


@app.command("list")
def show_all(context: typer.Context, json: Json = False) -> None:
    """Show all scripts in the order of their categories."""
    here = _look_around(context)
    catalog, categories = here.catalog, here.categories
    scripts = sorted(catalog.scripts.values(), key=lambda s: (_rank(s, categories), s.name))
    if json:
        show_json([script_to_json(script) for script in scripts])
        return
    rows = [{"name": s.name, "category": s.category, "from": s.origin, "version": s.version,
             "calculates": list(s.values)} for s in scripts]  # fmt: skip
    show_rows(rows, ("name", "category", "from", "version", "calculates"), "no scripts")
    for problem in find_problems(catalog, categories)[1]:
        tell_trouble(problem)
    for fault in here.faults:
        tell_trouble(fault.text)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    json: Json = False,
) -> None:
    """Show what a script needs, makes and calculates, and its parameters."""
    here = _look_around(context)
    scripts = here.catalog.scripts
    if name not in scripts:
        raise UnknownNameError("script", name, scripts)
    script = scripts[name]
    parameters = _resolve(script, here.parameters)
    if json:
        show_json({**script_to_json(script), "parameters_here": parameters})
        return
    typer.echo(f"{script.name}: {script.title}\n{script.help}\n")
    typer.echo(f"category  {script.category}")
    typer.echo(f"from      {script.origin}, version {script.version}, {script.place}")
    typer.echo(f"needs     {', '.join(str(item) for item in script.inputs) or 'nothing'}")
    typer.echo(f"makes     {', '.join(script.outputs) or 'nothing'}")
    typer.echo(f"reads     {', '.join(item.name for item in script.reads) or 'nothing'}")
    _show_values(script)
    _show_parameters(script, parameters)


@app.command()
def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as measure_contrast.")],
    language: Annotated[Language, typer.Option(help="What it is written in.")] = Language.PYTHON,
) -> None:
    """Begin a script of your own in the project's folder, from an example that works."""
    if not name.isidentifier() or not name.isascii():
        raise UsageError(f"{name!r}: a script is named like measure_contrast")
    with open_project(context) as project:
        if name in project.catalog.scripts:
            raise UsageError(f"there is a script {name} already: choose another name")
        suffix, template = (".py", PYTHON) if language is Language.PYTHON else (".sh", SHELL)
        path = project.place.scripts / (name + suffix)
    _write_new(path, template.replace("NAME", name), executable=language is Language.SHELL)
    typer.echo(f"made {path}")
    typer.echo(f"next: edit it, then 'cryobatch scripts check' and 'cryobatch scripts show {name}'")


@app.command()
def check(context: typer.Context) -> None:
    """Check all scripts, and that the project's workflows can be made of them."""
    with open_project(context) as project:
        categories = order_categories(project.settings.categories)
        usable, troubles = find_problems(project.catalog, categories)
        troubles += find_workflow_problems(project.planner)
        faults = project.find_parameter_faults()
    typer.echo(f"{usable} scripts can be used")
    troubles += [fault.text for fault in faults if not fault.is_doubtful]
    for text in [*troubles, *(fault.text for fault in faults if fault.is_doubtful)]:
        tell_trouble(text)
    if troubles:
        raise typer.Exit(1)


def find_problems(catalog: "Catalog", categories: Collection[str]) -> tuple[int, list[str]]:
    """Return how many scripts can be used, and what is wrong with files and scripts.

    Args:
        catalog: All scripts.
        categories: All categories that there are.
    """
    problems = [f"{problem.place}: {problem.text}" for problem in catalog.problems]
    lost = [s for s in catalog.scripts.values() if s.category not in categories]
    for script in lost:
        error = UnknownNameError("category", script.category, categories, _OWN_CATEGORIES)
        problems.append(f"{script.place}: {script.name}: {error}")
    return len(catalog.scripts) - len(lost), problems


def find_workflow_problems(planner: "Planner") -> list[str]:
    """Return what is wrong with the workflows of a project.

    One that is chosen for a kind of image must suit it, any other must suit some kind.

    Args:
        planner: Plans the project's workflows.
    """
    defaults = planner.settings.default_workflows
    problems = []
    for name in planner.settings.workflows:
        own = [root for root, workflow in defaults.items() if workflow == name]
        found = [_find_refusal(planner, name, root, root in own) for root in own or defaults]
        reasons = [reason for reason in found if reason is not None]
        if reasons and (own or len(reasons) == len(found)):
            problems.append(f"workflow {name}: {reasons[0]}")
    return problems


def _find_refusal(planner: "Planner", workflow: str, root: str, alone: bool) -> str | None:
    """Tell why a kind of image cannot have a workflow, alone or after some other one."""
    from cryobatch.project.submission import Choice

    choice = Choice(workflow=workflow)
    try:
        planner.plan(choice, root) if alone else planner.plan_anyway(choice, root)
    except CryobatchError as error:
        return str(error)
    return None


def _look_around(context: typer.Context) -> _Here:
    from cryobatch.processing.catalog import discover
    from cryobatch.project.parameter_faults import find_site_faults
    from cryobatch.project.site import load_site, site_file, user_configuration

    try:
        with open_project(context) as project:
            categories = order_categories(project.settings.categories)
            given = [project.site.parameters, project.settings.parameters]
            return _Here(project.catalog, categories, given, project.find_parameter_faults())
    except ProjectError:
        if context.obj != Path():
            raise
    catalog = discover([("user", user_configuration() / "scripts")])
    site = load_site().parameters
    return _Here(catalog, CATEGORIES, [site], [*find_site_faults(catalog, site_file(), site)])


def _resolve(
    script: Script, here: list[Mapping[str, Mapping[str, ParameterValue]]]
) -> dict[str, ParameterValue]:
    from cryobatch.model.resolution import resolve_parameters

    return resolve_parameters(script, here)


def _rank(script: Script, categories: tuple[str, ...]) -> int:
    """Return the place of a script's category; unknown ones come last."""
    return categories.index(script.category) if script.category in categories else len(categories)


def _show_values(script: Script) -> None:
    if not script.values:
        return
    typer.echo("\nvalues")
    rows = [{"name": name, "unit": v.unit, "range": _range(v.low, v.high), "meaning": v.help}
            for name, v in script.values.items()]  # fmt: skip
    show_rows(rows, ("name", "unit", "range", "meaning"), "")


def _show_parameters(script: Script, here: Mapping[str, ParameterValue]) -> None:
    if not script.parameters:
        return
    typer.echo("\nparameters (--set SCRIPT.PARAMETER=VALUE)")
    rows = [
        {"name": name, "here": _word(here[name]), "default": _word(item.default),
         "takes": item.describe(), "meaning": item.help}
        for name, item in script.parameters.items()
    ]  # fmt: skip
    show_rows(rows, ("name", "here", "default", "takes", "meaning"), "")


def _word(value: ParameterValue) -> str:
    return "none" if value is None else describe(value)


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}".strip()


def _write_new(path: Path, text: str, *, executable: bool) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        if executable:
            path.chmod(0o755)
    except FileExistsError:
        raise UsageError(f"{path} is there already: edit it, or choose another name") from None
