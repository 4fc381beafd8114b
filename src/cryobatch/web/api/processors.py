"""The processors: what each does, how many there shall be, and the end of one."""

import contextlib
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Annotated

import psutil
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from cryobatch.project import Project
from cryobatch.project.doorbell import ring
from cryobatch.project.utilisation import STEP_S, Utilisation
from cryobatch.store.processors import ProcessorRow
from cryobatch.web.api.answers import answer
from cryobatch.web.api.kept import Kept, Result
from cryobatch.web.hub import Hub

MOST = 1_000
RENEWED_S = 5.0


class Number(BaseModel):
    """How many processors there shall be."""

    number: Annotated[int, Field(ge=1, le=MOST)]


class Names(BaseModel):
    """Processors by their names."""

    ids: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MOST)]


def make_router(project: Project, hub: Hub) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        hub: Numbers the changes.
    """
    router = APIRouter(prefix="/processors", tags=["processors"])
    utilisation = Utilisation(project.database)
    hour = Kept(lambda: _last_hour(utilisation), hub.number, least_s=RENEWED_S)
    memories = Kept(lambda: dict(_measure_memory(project.workforce.listing())), hub.number)

    @router.get("")
    def list_processors(request: Request) -> Response:
        """What each processor does; ``now`` is the server's clock, seconds since the epoch."""
        workforce = project.workforce
        rows = workforce.listing()
        memory = memories.get()
        wanted = workforce.read_wishes().processors
        return answer(request, {
            "now": time.time(),
            "wanted": len(rows) if wanted is None else wanted,
            "threads": workforce.threads_each(max(len(rows), 1)),
            "memory_limit_gb": workforce.settings.memory_limit_gb,
            "rows": [{**_to_json(row), "memory_bytes": memory.get(row.id),
                      "gpus": _gpus(row.id, workforce.settings.gpus)} for row in rows],
        })  # fmt: skip

    @router.get("/utilisation")
    def show_utilisation(request: Request) -> Response:
        """How busy each processor was in the last hour, in steps of 10 s up to ``until``.

        ``shares`` in percent; ``scripts`` the places in the list ``names`` of the script that took
        most of a step, -1 where none is known. ``busy`` is a share of ``span_s``.
        """
        return answer(request, hour.get())

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


def _last_hour(utilisation: Utilisation) -> Result:
    found = utilisation.look()
    names = sorted({one for strip in found.strips for one in strip.scripts if one is not None})
    places = {name: place for place, name in enumerate(names)}
    return {
        "until": found.until, "span_s": found.span_s, "step_s": STEP_S, "names": names,
        "processors": {
            strip.processor: {
                "busy": strip.busy, "shares": strip.shares,
                "scripts": [-1 if one is None else places[one] for one in strip.scripts],
            }
            for strip in found.strips
        },
    }  # fmt: skip


def _gpus(name: str, each: int) -> list[int]:
    """Return the GPUs that a processor owns: the first one has the first ones.

    >>> _gpus("local-2", 2)
    [2, 3]
    """
    number = name.rpartition("-")[2]
    first = (int(number) - 1) * each if number.isdigit() else 0
    return list(range(first, first + each))


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
    }


def _measure_memory(rows: Iterable[ProcessorRow]) -> dict[str, int]:
    """Return what processors hold with all that they have started, by name.

    One look at the machine's processes serves all: with a look for each, a hundred processors
    would cost a page a core. A name is missing where nobody can tell.
    """
    host = socket.gethostname()
    owners = {row.pid: row.id for row in rows if row.pid is not None and row.host == host}
    held = dict.fromkeys(owners.values(), 0)
    parents = {one.pid: one.info["ppid"] for one in psutil.process_iter(["ppid"])}
    for pid in parents:
        owner = find_owner(pid, parents, owners)
        if owner is not None:
            with contextlib.suppress(psutil.Error):  # it has just ended
                held[owner] += psutil.Process(pid).memory_info().rss
    return {name: number for name, number in held.items() if number}


def find_owner(
    pid: int, parents: Mapping[int, int | None], owners: Mapping[int, str]
) -> str | None:
    """Return the processor that has started a process, None where none has.

    >>> find_owner(7, {7: 5, 5: 3, 3: 1, 1: 0}, {5: "local-1"})
    'local-1'
    """
    seen: set[int] = set()
    while pid not in owners:
        parent = parents.get(pid)
        if parent is None or parent in seen:
            return None
        seen.add(parent)
        pid = parent
    return owners[pid]
