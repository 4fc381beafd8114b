"""The session: counts, rates, trends, notices in words, and values of the latest images."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cryobatch.errors import UsageError
from cryobatch.model.resolution import resolve_parameters
from cryobatch.project import Project
from cryobatch.project.session import summarise
from cryobatch.web.api.answers import answer
from cryobatch.web.api.kept import Kept, Result
from cryobatch.web.api.notices import Limits, find_notices
from cryobatch.web.api.problems import Problems
from cryobatch.web.hub import Hub

SERIES = ("defocus_u", "defocus_v", "ctf_resolution", "drift_range", "ice_ring", "particle_count")
_TIMES = ("recorded_at", "imported_at")
LATEST = 300
RENEWED_S = 2.0
LONGEST_SERIES = 20_000


def make_router(project: Project, hub: Hub, problems: Problems) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        hub: Numbers the changes.
        problems: Looks at scripts and parameters.
    """
    router = APIRouter(prefix="/session", tags=["session"])
    summary = Kept(lambda: _summarise(project, problems), hub.number, RENEWED_S)
    series: dict[int, Kept] = {}

    @router.get("")
    def show(request: Request) -> Response:
        """Counts, rates, backlog, delay, disk, and what should be known in words."""
        return answer(request, summary.get())

    @router.get("/series")
    def show_series(
        request: Request, limit: Annotated[int, Query(ge=1, le=LONGEST_SERIES)] = 2_000
    ) -> Response:
        """Values of the latest images as columns, in the order in which they were recorded."""
        size = next(one for one in (300, 2_000, 6_000, LONGEST_SERIES) if one >= limit)
        kept = series.setdefault(
            size, Kept(lambda: _find_series(project, size), hub.number, RENEWED_S)
        )
        return answer(request, kept.get())

    return router


def _summarise(project: Project, problems: Problems) -> Result:
    found = summarise(project)
    rows = project.images.rows(sort="id", descending=True, limit=LATEST)
    notices = find_notices(found, rows, _limits(project), problems.tell_wrong_parameters())
    return {
        "project": project.settings.name,
        **asdict(found),
        "batches": {state.value: number for state, number in found.batches.items()},
        "notices": [asdict(one) for one in notices],
    }


def _limits(project: Project) -> Limits:
    """Return from where on the project flags images amber."""
    script = project.catalog.scripts.get("calculate_statistics")
    if script is None:
        return Limits()
    layers = (project.site.parameters, project.settings.parameters)
    names = ("drift_amber", "resolution_amber", "ice", "defocus_low", "defocus_high")
    try:
        known = resolve_parameters(script, layers)
        drift, resolution, ice, low, high = (float(str(known[name])) for name in names)
    except (UsageError, KeyError, ValueError):
        return Limits()  # a laboratory's own script of that name, or settings that are being mended
    return Limits(drift, resolution, ice, (low, high))


def _find_series(project: Project, limit: int) -> Result:
    units = _find_units(project)
    found = project.images.table(
        sort="id",
        descending=True,
        limit=limit,
        exact=False,
        fields=[*_TIMES, "pictured_at", *units],
    )
    recorded, imported = (found[name] for name in _TIMES)
    moments = [one or other for one, other in zip(recorded, imported, strict=True)]
    order = sorted(range(len(moments)), key=lambda place: (moments[place], found["id"][place]))
    columns = {name: [column[place] for place in order] for name, column in found.items()}
    return {"columns": columns, "units": units, "count": len(order)}


def _find_units(project: Project) -> dict[str, str]:
    return {
        name: value.unit
        for script in project.catalog.scripts.values()
        for name, value in script.values.items()
        if name in SERIES
    }
