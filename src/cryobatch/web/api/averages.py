"""Session averages: mean, variance and spectrum of raw sums and of corrected micrographs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cryobatch.project import Project
from cryobatch.project.averages import Picture, Stage
from cryobatch.web.api.answers import answer
from cryobatch.web.averages import Averager, Averages
from cryobatch.web.hub import Hub

KEPT_S = 86_400


def make_router(project: Project, hub: Hub) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/averages", tags=["map"])
    averages = Averages(project.place.folder)
    averager = Averager(project.place.folder)
    hub.at_close(averager.close)

    @router.get("")
    def show(request: Request) -> Response:
        """How many images are averaged, and what they have in common, in words.

        Asking has a process of the lowest priority average what is due; ``busy`` tells that it
        is at it: then ask again in some seconds.
        """
        busy = averager.start()
        stages = {stage.value: averages.describe(stage) for stage in Stage}
        return answer(request, {"stages": stages, "busy": busy})

    @router.get("/{stage}/{picture}")
    def draw(
        request: Request,
        stage: Stage,
        picture: Picture,
        version: Annotated[str | None, Query(max_length=60, description="As told: then a browser "
                                             "may keep the picture.")] = None,
    ) -> Response:  # fmt: skip
        """A JPEG with its contrast stretched, its first row on top."""
        made, drawn = averages.draw(stage, picture)
        mark = f'"{made}"'
        headers = {"ETag": mark, "Cache-Control": f"private, max-age={KEPT_S if version else 0}"}
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(drawn, media_type="image/jpeg", headers=headers)

    return router
