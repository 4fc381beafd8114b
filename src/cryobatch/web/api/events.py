"""The event stream: tells every open page what has changed, so that none has to ask."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from cryobatch.web.hub import Hub

_Id = Annotated[str | None, Query(max_length=60)]
_LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=60)]


def make_router(hub: Hub) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["events"])

    @router.get("/events", response_class=StreamingResponse)
    async def listen(after: _Id = None, last_event_id: _LastId = None) -> StreamingResponse:
        """Server-sent events without end.

        ``change`` has ``{"topics": [...], "images": [ids] or null, "log": id}``; the topics are
        images, queue, processors, log, settings and jobs. ``reset`` says that changes were missed:
        fetch anew what is shown. Give the id of the last event, and nothing is missed.
        """
        events: AsyncIterator[str] = hub.listen(last_event_id or after)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    return router
