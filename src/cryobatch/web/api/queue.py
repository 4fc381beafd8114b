"""The queue: see what waits, bring it into another order, and add to it."""

from collections.abc import Collection
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from cryobatch.model.batch import BatchState, ParameterSet
from cryobatch.model.parameter import ParameterValue
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from cryobatch.store.queue import Cancelled, Moved, QueueRow
from cryobatch.web.api.answers import LARGEST_ID, Id, Ids, answer
from cryobatch.web.api.freshness import Fresh

PAGE = 100
Move = Literal["top", "bottom", "up", "down"]


class Batches(BaseModel):
    """Batches by their ids."""

    ids: Ids


class Placing(Batches):
    """Batches, and where the first of them shall be, counted from 1."""

    place: Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Dropping(Batches):
    """Batches, and the one that they shall stand beside, wherever it is by now."""

    target: Id
    below: bool = False


class Removal(Batches):
    """Batches to take out; those that run are stopped only with ``kill``."""

    kill: bool = False


class Clearing(BaseModel):
    """Whether what runs is stopped too."""

    kill: bool = False


class Retry(BaseModel):
    """Failed and cancelled batches to queue anew; without ids all that have failed."""

    ids: Ids | None = None
    top: bool = False


class Order(BaseModel):
    """What shall be done to which images: name them in one of the three ways."""

    all: bool = False
    images: Ids = []
    where: Annotated[str, Field(max_length=20_000)] | None = None
    scripts: Annotated[list[str], Field(max_length=100)] | None = None
    workflow: str | None = None
    parameters: dict[str, dict[str, ParameterValue]] = {}
    force: bool = False
    top: bool = False
    first_now: bool = False
    stale: bool = False


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/queue", tags=["queue"])
    queue = project.queue

    @router.get("")
    def list_batches(
        request: Request,
        state: Annotated[list[BatchState] | None, Query()] = None,
        text: Annotated[
            str | None,
            Query(
                max_length=500,
                description="A part of an image's name, of its group or of a script's name.",
            ),
        ] = None,
        offset: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
        limit: Annotated[int, Query(ge=0, le=10_000)] = PAGE,
    ) -> Response:
        """What runs, then what waits in its order, then what has ended.

        With a text only those in which it stands, and the place in the queue of those that wait.
        """
        wanted = tuple(state or (BatchState.RUNNING, BatchState.WAITING))
        told = _describe(project, wanted)
        if not text:
            rows = queue.listing(wanted, limit=limit, offset=offset)
            return answer(request, {**told, "rows": [_to_json(row) for row in rows]})
        found = queue.search(text, wanted, limit=limit, offset=offset)
        placed = [{**_to_json(row), "place": found.places.get(row.batch.id)} for row in found.rows]
        return answer(request, {**told, "total": found.total, "rows": placed})

    @router.get("/counts")
    def count(request: Request) -> Response:
        """How many batches are in each state, and whether they are given out."""
        return answer(request, _describe(project, (BatchState.RUNNING, BatchState.WAITING)))

    @router.post("")
    def submit(request: Request, body: Order) -> Response:
        """Queue images for scripts, as ``cryobatch submit`` does."""
        selection = Selection(everything=body.all, images=tuple(body.images), where=body.where)
        parameters: ParameterSet = body.parameters
        choice = Choice(
            None if body.scripts is None else tuple(body.scripts), body.workflow, parameters,
            body.force, body.top, body.first_now, body.stale,
        )  # fmt: skip
        fresh()
        report = project.submit(selection, choice)
        return answer(request, {
            "batches": report.batches, "duplicates": report.duplicates,
            "refused": {str(one): why for one, why in report.refused.items()},
            "left_out": dict(report.left_out),
        })  # fmt: skip

    @router.post("/move")
    def move(request: Request, body: Placing) -> Response:
        """Put batches so that the first of them is at a place."""
        return answer(request, _moved(queue.move_to(body.ids, body.place)))

    @router.post("/beside")
    def put_beside(request: Request, body: Dropping) -> Response:
        """Put batches directly above or below another one, as when they are dragged there."""
        return answer(request, _moved(queue.move_beside(body.ids, body.target, below=body.below)))

    @router.post("/remove")
    def remove(request: Request, body: Removal) -> Response:
        """Take batches out of the queue."""
        done = queue.kill(body.ids) if body.kill else queue.remove(body.ids)
        return answer(request, _cancelled(done))

    @router.post("/clear")
    def clear(request: Request, body: Clearing) -> Response:
        """Take everything that waits out of the queue."""
        number = queue.clear()
        asked = queue.kill_all().asked if body.kill else ()
        return answer(request, {"cancelled": number, "asked": asked})

    @router.post("/pause")
    def pause(request: Request) -> Response:
        """Let nothing new begin."""
        queue.pause()
        return answer(request, {"paused": True})

    @router.post("/resume")
    def resume(request: Request) -> Response:
        """Let batches begin again."""
        queue.resume()
        return answer(request, {"paused": False})

    @router.post("/retry")
    def retry(request: Request, body: Retry) -> Response:
        """Queue failed and cancelled batches anew."""
        done = queue.retry(body.ids, top=body.top)
        return answer(request, {
            "batches": done.submitted.ids, "duplicates": done.submitted.duplicates,
            "refused": done.refused,
        })  # fmt: skip

    @router.post("/{move}")
    def shift(request: Request, move: Move, body: Batches) -> Response:
        """Put batches on top, at the bottom, or one place up or down."""
        actions = {"top": queue.to_top, "bottom": queue.to_bottom, "up": queue.up,
                   "down": queue.down}  # fmt: skip
        return answer(request, _moved(actions[move](body.ids)))

    return router


def _describe(project: Project, wanted: Collection[BatchState]) -> dict[str, object]:
    queue = project.queue
    counts = queue.counts()
    return {
        "total": sum(counts[state] for state in wanted),
        "counts": {state.value: number for state, number in counts.items()},
        "paused": queue.is_paused(),
        "held": queue.why_held(),
    }


def _to_json(row: QueueRow) -> dict[str, object]:
    batch = row.batch
    return {
        "id": batch.id,
        "image": row.image,
        "waits_for": row.waits_for,
        "image_id": batch.image_id,
        "group": row.group,
        "scripts": batch.scripts,
        "parameters": batch.parameters,
        "force": batch.force,
        "state": batch.state.value,
        "stopping": batch.cancel and batch.state is BatchState.RUNNING,
        "attempt": batch.attempt,
        "losses": batch.losses,
        "processor": batch.processor,
        "failures": batch.failures,
        "submitted_at": batch.submitted_at,
        "started_at": batch.started_at,
        "finished_at": batch.finished_at,
    }


def _moved(done: Moved) -> dict[str, object]:
    return {"moved": done.moved, "not_waiting": done.not_waiting}


def _cancelled(done: Cancelled) -> dict[str, object]:
    return {"cancelled": done.cancelled, "asked": done.asked, "not_there": done.not_there}
