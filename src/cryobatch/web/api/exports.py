"""Exports: images for other programs, in folders of the project."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import Field

from cryobatch.export.bundle import MANIFEST, Links, check_place
from cryobatch.export.tables import TableFormat
from cryobatch.project import Project
from cryobatch.project.exporting import TABLE, ExportKind, ExportReport
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.web.api.answers import answer
from cryobatch.web.api.jobs import Later, answer_later, say
from cryobatch.web.api.person import Chosen
from cryobatch.web.jobs import Jobs, Result

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


def make_router(project: Project, jobs: Jobs) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        jobs: Does what takes long.
    """
    router = APIRouter(prefix="/exports", tags=["exports"])

    @router.get("")
    def list_exports(request: Request) -> Response:
        """The exports in the project, newest first: name, kind, time, number of images."""
        return answer(request, {"exports": project.exporter.listing()})

    @router.post("")
    def export(request: Request, body: Exporting, later: Later = False) -> Response:
        """Write images for RELION or cryoSPARC, or as a table, into ``exports/NAME``."""
        folder = project.exporter.folder(body.name)
        check_place(folder, replace=body.replace)

        def work(done: Done) -> Result:
            return _to_json(_write(project, body, folder, done))

        if later:
            title = f"Exporting {body.name}"
            return answer_later(request, jobs.start("export", title, work, may_stop=True))
        return answer(request, work(tell_nobody))

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


def _write(project: Project, body: Exporting, folder: FilePath, done: Done) -> ExportReport:
    exporter, selection = project.exporter, body.selection()
    if body.kind is ExportKind.TABLE:
        return exporter.write_table(
            body.format, selection, folder, columns=body.columns, replace=body.replace, done=done
        )
    return exporter.write(
        body.kind, selection, folder, links=body.links, replace=body.replace, done=done
    )


def _to_json(report: ExportReport) -> dict[str, object]:
    left_out = f"; {len(report.left_out):,} left out" if report.left_out else ""
    return {
        "text": f"{say(report.images)} exported to {report.folder}{left_out}",
        "folder": str(report.folder),
        "images": report.images,
        "left_out_count": len(report.left_out),
        "left_out": dict([*report.left_out.items()][:SAID]),
        "lacks_count": len(report.lacks),
        "lacks": dict([*report.lacks.items()][:SAID]),
    }
