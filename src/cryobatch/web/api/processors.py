"""The processors: what each does, how many there shall be, and the end of one."""

import socket
import time
from typing import Annotated

import psutil
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from cryobatch.project import Project
from cryobatch.project.doorbell import ring
from cryobatch.store.processors import ProcessorRow
from cryobatch.web.api.answers import answer

MOST = 1_000


class Number(BaseModel):
    """How many processors there shall be."""

    number: Annotated[int, Field(ge=1, le=MOST)]


class Names(BaseModel):
    """Processors by their names."""

    ids: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MOST)]


def make_router(project: Project) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/processors", tags=["processors"])

    @router.get("")
    def list_processors(request: Request) -> Response:
        """What each processor does; ``now`` is the server's clock, seconds since the epoch."""
        workforce = project.workforce
        rows = workforce.listing()
        wanted = workforce.read_wishes().processors
        return answer(request, {
            "now": time.time(),
            "wanted": len(rows) if wanted is None else wanted,
            "rows": [_to_json(row) for row in rows],
        })  # fmt: skip

    @router.put("/number")
    def set_number(request: Request, body: Number) -> Response:
        """Have more or fewer processors; one that is busy ends its batch first."""
        project.workforce.wish_number(body.number)
        ring(project.place.doorbell)
        return answer(request, {"wanted": body.number})

    @router.post("/kill")
    def kill(request: Request, body: Names) -> Response:
        """End processors with all that they have started; their batches wait again on top."""
        unknown = project.workforce.wish_kill(body.ids)
        ring(project.place.doorbell)
        ended = [one for one in body.ids if one not in unknown]
        return answer(request, {"ended": ended, "unknown": unknown})

    return router


def _to_json(row: ProcessorRow) -> dict[str, object]:
    return {
        "id": row.id,
        "state": row.state,
        "since": row.since,
        "batch": row.batch,
        "image_id": row.image_id,
        "image": row.image,
        "script": row.script,
        "progress": row.progress,
        "host": row.host,
        "pid": row.pid,
        "memory_bytes": _measure_memory(row),
    }


def _measure_memory(row: ProcessorRow) -> int | None:
    """Return what a processor holds, with all that it has started; None where nobody can tell."""
    if row.pid is None or row.host != socket.gethostname():
        return None
    try:
        process = psutil.Process(row.pid)
        family = [process, *process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family)
    except psutil.Error:
        return None  # it has just ended
