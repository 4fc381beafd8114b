"""REST under ``/api/v1``: everything that pages and programs see and do."""

from fastapi import APIRouter

from cryobatch.project import Project
from cryobatch.web.api import events, images, library, log, processors, queue, session
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.hub import Hub

PREFIX = "/api/v1"


def make_api(project: Project, hub: Hub) -> APIRouter:
    """Return all routes."""
    fresh = Fresh(project)
    api = APIRouter(prefix=PREFIX)
    for router in (
        session.make_router(project),
        library.make_router(project, fresh),
        images.make_router(project),
        queue.make_router(project, fresh),
        processors.make_router(project),
        log.make_router(project),
        events.make_router(hub),
    ):
        api.include_router(router)
    return api
