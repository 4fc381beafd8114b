"""``export``: images and their values, as the files that other programs begin with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import (
    Everything,
    Images,
    Json,
    Where,
    choose_images,
    open_project,
)
from cryobatch.cli.progress import Progress
from cryobatch.cli.tables import count_images, show_json
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import ConflictError, ProjectError
from cryobatch.export.bundle import Links
from cryobatch.export.tables import TableFormat, format_by_name

if TYPE_CHECKING:
    from cryobatch.project.exporting import ExportReport

app = typer.Typer(
    cls=NounGroup,
    help="Give images to other programs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

TOLD = 5
Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[FOLDER]", help="Default: the project's exports/ with the name."),
]
LinkKind = Annotated[Links, typer.Option(help="How micrographs and movies are linked to.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace an earlier export.")]


@app.command()
def relion(
    context: typer.Context,
    folder: Folder = None,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    links: LinkKind = Links.RELATIVE,
    replace: Replace = False,
    json: Json = False,
) -> None:
    """Write a folder that RELION (3.1 to 5) goes on with: movies, micrographs, CTF, picks."""
    _write(context, "relion", folder, everything, images, where, links, replace, json)


@app.command()
def cryosparc(
    context: typer.Context,
    folder: Folder = None,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    links: LinkKind = Links.ABSOLUTE,
    replace: Replace = False,
    json: Json = False,
) -> None:
    """Write a folder that cryoSPARC imports from: micrographs by optics group, picks, a recipe."""
    _write(context, "cryosparc", folder, everything, images, where, links, replace, json)


@app.command()
def table(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV or JSON by its ending.")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Write these; default: all that are filled.")
    ] = None,
    kind: Annotated[TableFormat | None, typer.Option("--format", help="Whatever the name.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file.")] = False,
) -> None:
    """Write images and their values as a table."""
    from cryobatch.formats.atomic import write_bytes_durably

    wanted = kind or format_by_name(file)
    if file.exists() and not replace:
        raise ConflictError(f"{file}: is there already; choose another name, or --replace")
    names = tuple(one.strip() for one in (columns or "").split(",") if one.strip())
    with open_project(context) as project:
        selection = choose_images(project, everything, images, where)
        text, number = project.exporter.table(wanted, selection, names)
    try:
        write_bytes_durably(file, text.encode())
    except OSError as error:
        raise ProjectError(f"{file}: cannot be written: {error.strerror}") from error
    typer.echo(f"{file}: {count_images(number)}")


def _write(
    context: typer.Context,
    kind: str,
    folder: Path | None,
    everything: bool,
    images: list[str] | None,
    where: str | None,
    links: Links,
    replace: bool,
    json: bool,
) -> None:
    from cryobatch.project.exporting import ExportKind

    with open_project(context) as project, Progress("reading") as progress:
        exporter = project.exporter
        report = exporter.write(
            ExportKind(kind), choose_images(project, everything, images, where),
            exporter.folder(kind) if folder is None else folder.absolute(),
            links=links, replace=replace, done=progress.show,
        )  # fmt: skip
    if json:
        show_json(_to_json(report))
    else:
        _tell(report)


def _to_json(report: "ExportReport") -> dict[str, object]:
    return {
        "folder": str(report.folder),
        "images": report.images,
        "left_out": dict(report.left_out),
        "lacks": dict(report.lacks),
    }


def _tell(report: "ExportReport") -> None:
    typer.echo(f"{report.folder}: {count_images(report.images)}")
    for texts in (report.left_out, report.lacks):
        for title, text in [*texts.items()][:TOLD]:
            tell_trouble(f"{title}: {text}")
        if len(texts) > TOLD:
            tell_trouble(f"... and {len(texts) - TOLD} more (all in export.json)")
