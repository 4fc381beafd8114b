"""The map: images and squares at their places on the grid, and pictures of the grid."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse

from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.project import Project
from cryobatch.project.map import draw_map, find_overview
from cryobatch.web.api.answers import LARGEST_ID, answer
from cryobatch.web.api.kept import Kept, Result
from cryobatch.web.hub import Hub
from cryobatch.web.jpegs import redraw_jpeg
from cryobatch.web.pictures import Pictures, identify, round_up

KEPT_S = 86_400
LONGEST_REST_S = 30.0
"""Places do not change: at 100,000 images a new one may show a little later."""
OverviewId = Annotated[int, InPath(ge=1, le=LARGEST_ID)]


def make_router(project: Project, hub: Hub) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/map", tags=["map"])
    pictures = Pictures()
    kept = Kept(lambda: _show(project), hub.number, longest_s=LONGEST_REST_S)

    @router.get("")
    def show(request: Request) -> Response:
        """Where images, squares and pictures of the grid are, in µm of the stage, y upwards.

        A pixel ``dx`` to the right of a picture's centre and ``dy`` below it is at
        ``x + dx * right[0] + dy * down[0]``, ``y + dx * right[1] + dy * down[1]``. ``unread``
        images of an older project are looked up when the map is asked for again.
        """
        return answer(request, kept.get())

    @router.get("/overviews/{overview_id}")
    def picture(
        request: Request,
        overview_id: OverviewId,
        size: Annotated[int, Query(ge=16, le=100_000, description="Longest side, px.")] = 1024,
    ) -> Response:
        """A picture of atlas, square or hole as a grey JPEG, as the microscope shows it."""
        found = find_overview(project.images, overview_id)
        path = Path(found.picture) if found is not None and found.picture else None
        if path is None or not path.is_file():
            return JSONResponse({"error": f"there is no picture of overview {overview_id}"}, 404)
        wanted = round_up(size)
        moment, length = identify(path)
        mark = f'"{moment:x}-{length:x}-{wanted}"'
        headers = {"ETag": mark, "Cache-Control": f"private, max-age={KEPT_S}"}
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        drawn = pictures.get(path, wanted, lambda: redraw_jpeg(path, wanted))
        return Response(drawn, media_type="image/jpeg", headers=headers)

    return router


def _show(project: Project) -> Result:
    found = draw_map(project.images)
    return {
        "images": {
            "id": list(found.ids),
            "x": found.places[:, 0].round(3).tolist(),
            "y": found.places[:, 1].round(3).tolist(),
            "width": found.sizes[:, 0].round(3).tolist(),
            "height": found.sizes[:, 1].round(3).tolist(),
            "square": list(found.square_of),
            "hole": list(found.holes),
        },
        "squares": [
            {"name": one.name, "group": one.group, "x": one.at[0], "y": one.at[1],
             "width": one.size[0], "height": one.size[1], "images": one.images}
            for one in found.squares
        ],
        "overviews": [
            {"id": number, **_describe(one)}
            for number, one in found.overviews.items() if _is_there(one)
        ],
        "exact": found.exact,
        "without": found.without,
        "unread": found.unread,
    }  # fmt: skip


def _is_there(one: Overview) -> bool:
    """Tell whether a picture may be asked for; those of holes are too many to look at each."""
    return one.kind is OverviewKind.HOLE or Path(one.picture or "").is_file()


def _describe(one: Overview) -> dict[str, object]:
    """Return what a page needs: no path of this machine."""
    return {
        "kind": one.kind.value, "name": one.name, "x": one.x, "y": one.y, "right": one.right,
        "down": one.down, "columns": one.columns, "rows": one.rows, "recorded_at": one.recorded_at,
    }  # fmt: skip
