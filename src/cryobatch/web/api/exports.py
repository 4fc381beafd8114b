"""Exports: images for other programs, in folders of the project."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import Field

from cryobatch.export.bundle import MANIFEST, Links
from cryobatch.export.tables import TableFormat
from cryobatch.project import Project
from cryobatch.project.exporting import TABLE, ExportKind, ExportReport
from cryobatch.web.api.answers import answer
from cryobatch.web.api.person import Chosen

_TYPES = {
    TableFormat.CSV: "text/csv",
    TableFormat.TSV: "text/tab-separated-values",
    TableFormat.JSON: "application/json",
}
Column = Annotated[str, Field(max_length=200)]
Columns = Annotated[tuple[Column, ...], Field(max_length=500)]
SAID = 100
"""Images that are left out, or lack something, of which so many are told with the reason."""


class Exporting(Chosen):
    """Images, what for, and the name of the export: a plain one, no path."""

    name: Annotated[str, Field(max_length=100)]
    kind: ExportKind
    format: TableFormat = TableFormat.CSV
    columns: Columns = ()
    links: Links = Links.RELATIVE
    replace: bool = False


def make_router(project: Project) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/exports", tags=["exports"])

    @router.get("")
    def list_exports(request: Request) -> Response:
        """The exports in the project, newest first: name, kind, time, number of images."""
        return answer(request, {"exports": project.exporter.listing()})

    @router.post("")
    def export(request: Request, body: Exporting) -> Response:
        """Write images for RELION or cryoSPARC, or as a table, into ``exports/NAME``."""
        exporter = project.exporter
        folder = exporter.folder(body.name)
        if body.kind is ExportKind.TABLE:
            report = exporter.write_table(
                body.format, body.selection(), folder, columns=body.columns, replace=body.replace
            )
        else:
            report = exporter.write(
                body.kind, body.selection(), folder, links=body.links, replace=body.replace
            )
        return answer(request, _to_json(report))

    @router.get("/{name}/table")
    def fetch(name: Annotated[str, Path(max_length=100)]) -> Response:
        """The file of a table that was exported."""
        folder = project.exporter.folder(name)
        for kind, media_type in _TYPES.items():
            path = folder / f"{TABLE}.{kind.value}"
            if (folder / MANIFEST).is_file() and _is_plain(path):
                return FileResponse(path, media_type=media_type, filename=f"{name}.{kind.value}")
        return JSONResponse({"error": f"there is no export of a table called {name!r}"}, 404)

    return router


def _is_plain(path: FilePath) -> bool:
    """Tell whether a path is a file of its own: what a link leads to is nobody's to fetch."""
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()


def _to_json(report: ExportReport) -> dict[str, object]:
    return {
        "folder": str(report.folder),
        "images": report.images,
        "left_out_count": len(report.left_out),
        "left_out": dict([*report.left_out.items()][:SAID]),
        "lacks_count": len(report.lacks),
        "lacks": dict([*report.lacks.items()][:SAID]),
    }
