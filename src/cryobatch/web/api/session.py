"""The session: counts, rates, trends, notices in words, and values of the latest images."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cryobatch.project import Project
from cryobatch.project.session import summarise
from cryobatch.web.api.answers import answer
from cryobatch.web.api.library import to_columns
from cryobatch.web.api.notices import find_notices
from cryobatch.web.hub import Hub

SERIES = ("defocus_u", "defocus_v", "ctf_resolution", "drift_range", "ice_ring", "particle_count")
_TIMES = ("recorded_at", "imported_at")
LATEST = 300
LONGEST_SERIES = 20_000
REST = 20.0
LONGEST_REST_S = 5.0
"""A result is kept 20 times as long as it took to find, up to 5 s: so it costs little of a core."""

Result = dict[str, object]


@dataclass(slots=True)
class Kept:
    """A result that all browsers share for a while.

    Args:
        find: Finds it.
        event: Tells the number of the last change.
        least_s: Keep it at least so long.
    """

    find: Callable[[], Result]
    event: Callable[[], int]
    least_s: float = 1.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _result: Result | None = None
    _until: float = 0.0

    def get(self) -> Result:
        """Return the result, found anew when it is too old.

        ``event`` in it is the last change that it knows of, ``renewed_in_s`` when to ask again.
        """
        with self._lock:
            began = time.monotonic()
            if self._result is None or began >= self._until:
                event = self.event()
                self._result = {**self.find(), "event": event}
                ended = time.monotonic()
                rest = min(REST * (ended - began), LONGEST_REST_S)
                self._until = ended + max(self.least_s, rest)
            left = max(self._until - time.monotonic(), 0.0)
            return {**self._result, "renewed_in_s": left}


def make_router(project: Project, hub: Hub) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/session", tags=["session"])
    summary = Kept(lambda: _summarise(project), hub.number)
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
        kept = series.setdefault(size, Kept(lambda: _find_series(project, size), hub.number))
        return answer(request, kept.get())

    return router


def _summarise(project: Project) -> Result:
    found = summarise(project)
    rows = project.images.rows(sort="id", descending=True, limit=LATEST)
    return {
        "project": project.settings.name,
        **asdict(found),
        "batches": {state.value: number for state, number in found.batches.items()},
        "notices": [asdict(one) for one in find_notices(found, rows)],
    }


def _find_series(project: Project, limit: int) -> Result:
    rows = project.images.rows(sort="id", descending=True, limit=limit, columns=_TIMES)
    units = _find_units(project)
    ordered = sorted(rows, key=lambda row: (_moment(row), str(row["id"])))
    names = ("id", "name", "group", "state", "flag", *_TIMES, *SERIES)
    return {"columns": to_columns(ordered, names), "units": units, "count": len(rows)}


def _moment(row: Mapping[str, object]) -> str:
    return str(row["recorded_at"] or row["imported_at"])


def _find_units(project: Project) -> dict[str, str]:
    return {
        name: value.unit
        for script in project.catalog.scripts.values()
        for name, value in script.values.items()
        if name in SERIES
    }
