"""REST under ``/api/v1``: everything that pages and programs see and do."""

from fastapi import APIRouter

from cryobatch.project import Project
from cryobatch.store.log_texts import LogTexts
from cryobatch.web.api import (
    acquisition,
    averages,
    earlier,
    events,
    exports,
    failures,
    groups,
    images,
    jobs,
    library,
    log,
    map,
    person,
    pictures,
    processors,
    prospects,
    queue,
    scripts,
    selections,
    session,
    settings,
    table,
    view,
    watches,
)
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.problems import Problems
from cryobatch.web.hub import Hub
from cryobatch.web.jobs import Jobs

PREFIX = "/api/v1"


def make_api(project: Project, hub: Hub, texts: LogTexts) -> APIRouter:
    """Return all routes."""
    fresh = Fresh(project)
    problems = Problems(project, fresh)
    long = Jobs(lambda: hub.tell("jobs"))
    hub.at_close(long.close)
    api = APIRouter(prefix=PREFIX)
    for router in (
        session.make_router(project, hub, problems),
        library.make_router(project, fresh),
        table.make_router(project),
        selections.make_router(project),
        groups.make_router(project, fresh),
        exports.make_router(project, long),
        images.make_router(project),
        person.make_router(project, fresh),
        pictures.make_router(project),
        view.make_router(project, fresh),
        earlier.make_router(project),
        scripts.make_router(project, fresh, problems),
        queue.make_router(project, fresh),
        processors.make_router(project, hub),
        log.make_router(project, texts),
        watches.make_router(project, hub, fresh),
        prospects.make_router(project, fresh),
        acquisition.make_router(project, hub, long),
        failures.make_router(project, fresh, hub),
        settings.make_router(project, fresh),
        map.make_router(project, hub),
        averages.make_router(project, hub),
        jobs.make_router(long),
        events.make_router(hub),
    ):
        api.include_router(router)
    return api
