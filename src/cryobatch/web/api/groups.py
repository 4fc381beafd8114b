"""Groups: which there are, and images that are moved from one to another."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from cryobatch.project import Project
from cryobatch.project.moving import Mover
from cryobatch.web.api.answers import answer
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.person import Chosen


class Moving(Chosen):
    """Images, and the group that they shall be in."""

    group: Annotated[str, Field(max_length=200)]


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/groups", tags=["groups"])

    @router.get("")
    def list_groups(request: Request) -> Response:
        """All groups, with how many images each has."""
        return answer(request, {"groups": Mover(project.images).groups()})

    @router.post("/compare")
    def compare(request: Request, body: Moving) -> Response:
        """What will hold otherwise for images in another group: its facts and parameters."""
        found = Mover(project.images).compare(body.selection(), body.group)
        return answer(request, {"differences": [asdict(one) for one in found]})

    @router.post("/move")
    def move(request: Request, body: Moving) -> Response:
        """Move images into a group, which is made where there is none.

        ``moved`` has the images by the group where they were, ``refused`` why others stay.
        """
        fresh()
        report = Mover(project.images).move(body.selection(), body.group)
        return answer(request, asdict(report))

    return router
