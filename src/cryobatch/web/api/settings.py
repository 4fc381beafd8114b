"""The settings: what holds and who says so, and changes of the project's own."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from cryobatch.errors import ConflictError, CryobatchError, UsageError
from cryobatch.model.category import order_categories
from cryobatch.model.settings import DEFAULT_WORKFLOWS
from cryobatch.project import Project
from cryobatch.project.entries import Entry, Path
from cryobatch.project.settings_file import ROOTS, Reading, SettingsFile
from cryobatch.project.site import site_file
from cryobatch.project.submission import Choice
from cryobatch.web.api.answers import answer
from cryobatch.web.api.freshness import Fresh

_Part = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(max_length=4_000)]
_Value = bool | int | float | _Text | Annotated[list[_Part], Field(max_length=100)] | None
ON_DISK = ({"processors": {"scratch"}, "copy": {"to"}}, {"file"})
"""Settings by table, and kinds of entries, that name places on the disk."""


class Change(BaseModel):
    """One setting; null takes the project's own word back."""

    path: Annotated[list[_Part], Field(min_length=2, max_length=3)]
    value: _Value


class Changes(BaseModel):
    """Settings to change, and the version of the file that they were made for."""

    changes: Annotated[list[Change], Field(min_length=1, max_length=1_000)]
    version: Annotated[str, Field(max_length=40)] | None = None


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/settings", tags=["settings"])
    file = SettingsFile(project)

    @router.get("")
    def show(request: Request) -> Response:
        """What can be set, what holds, who says so, and what would hold without the project."""
        fresh()
        return answer(request, _describe(project, file.read()))

    @router.post("/preview")
    def preview(request: Request, body: Changes) -> Response:
        """What changes would do, in words; nothing is written."""
        fresh()
        return answer(request, {"effects": file.preview(_read_changes(file.read(), body))})

    @router.put("")
    def change(request: Request, body: Changes) -> Response:
        """Change settings; what people wrote into the file beside them stays.

        409 with the settings as they are now, in ``now``, when somebody has changed the file since
        ``version``.
        """
        fresh()
        try:
            version = file.change(_read_changes(file.read(), body), body.version)
        except ConflictError as error:
            now = _describe(project, file.read())
            return JSONResponse({"error": str(error), "now": now}, 409)
        return answer(request, {"version": version})

    return router


def _read_changes(now: Reading, body: Changes) -> dict[Path, Any]:
    """Return changes by their paths (Any: TOML's own variety), but of places on the disk."""
    kinds = {one.path: one.kind for one in (*now.layers.facts(), *now.layers.parameters())}
    found: dict[Path, Any] = {}
    for one in body.changes:
        path = tuple(one.path)
        if one.value is not None and (
            path[1] in ON_DISK[0].get(path[0], ()) or kinds.get(path) in ON_DISK[1]
        ):
            name = ".".join(path)
            raise UsageError(
                f"{name} names a place on the disk, which no page may: write it into project.toml, "
                f"or use 'cryobatch settings set {name}=...'"
            )
        found[path] = one.value
    return found


def _describe(project: Project, now: Reading) -> dict[str, object]:
    layers, settings = now.layers, now.layers.settings
    return {
        "version": now.version,
        "file": str(project.place.settings),
        "project": {"id": settings.id, "created_at": settings.created_at,
                    "folder": str(project.place.folder),
                    "database": str(project.place.database)},
        "settings": [_entry(one) for one in layers.plain()],
        "facts": [_entry(one) for one in layers.facts()],
        "scripts": _scripts(project, list(layers.parameters())),
        "workflows": [_workflow(project, now, name) for name in settings.workflows],
        "default_workflows": settings.default_workflows,
        "categories": list(order_categories(settings.categories)),
        "site": {"file": str(site_file()), "there": site_file().exists(), **_site(project)},
    }  # fmt: skip


def _entry(entry: Entry) -> dict[str, object]:
    table, name = entry.path[0], entry.path[1]
    on_disk = name in ON_DISK[0].get(table, ()) or entry.kind in ON_DISK[1]
    return {**asdict(entry), "name": entry.path[-1], "read_only": on_disk}


def _scripts(project: Project, entries: Sequence[Entry]) -> list[dict[str, object]]:
    scripts = project.catalog.scripts
    order = order_categories(project.settings.categories)
    by_category = sorted(
        scripts.values(),
        key=lambda one: order.index(one.category) if one.category in order else len(order),
    )
    return [
        {
            "name": script.name, "title": script.title, "category": script.category,
            "help": script.help, "origin": script.origin,
            "parameters": [_entry(one) for one in entries if one.path[1] == script.name],
        }
        for script in by_category
    ]  # fmt: skip


def _workflow(project: Project, now: Reading, name: str) -> dict[str, object]:
    orders: dict[str, object] = {}
    for root in ROOTS:
        try:
            plan = project.planner.plan_anyway(Choice(workflow=name), root)
            orders[root] = {
                "order": [one.name for one in plan.scripts],
                "added": sorted(plan.added),
                "left_out": dict(plan.left_out),
            }
        except CryobatchError as error:
            orders[root] = {"problem": str(error)}
    return {
        "name": name,
        "scripts": now.layers.settings.workflows[name],
        "built_in": name in DEFAULT_WORKFLOWS,
        "own": name in now.layers.project.get("workflows", {}),
        "orders": orders,
    }


def _site(project: Project) -> dict[str, object]:
    site = project.site
    return {
        "gain_folder": site.gain_folder,
        "file_group": site.file_group,
        "umask": site.umask,
        "acquisition": site.acquisition,
        "programs": site.programs,
        "microscopes": {name: asdict(one) for name, one in site.microscopes.items()},
        "cameras": {name: asdict(one) for name, one in site.cameras.items()},
        "parameters": site.parameters,
    }
