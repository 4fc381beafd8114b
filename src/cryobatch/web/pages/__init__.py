"""Pages: the frames that a browser opens; their ES modules fetch what they show by REST."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cryobatch.project import Project
from cryobatch.web.auth import Right
from cryobatch.web.gate import NONCE, RIGHT
from cryobatch.web.hub import Hub
from cryobatch.web.pages.frame import PAGES, Frame, draw

__all__ = ["make_router"]

_BY_PATH = {page.path: page for page in PAGES}


def make_router(project: Project, hub: Hub) -> APIRouter:
    """Return the routes of all pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/{path:path}")
    def show(request: Request, path: str) -> Response:
        page = _BY_PATH.get(f"/{path}")
        if page is None:
            return JSONResponse({"error": f"there is no page /{path}"}, 404)
        frame = Frame(
            project=project.settings.name,
            nonce=getattr(request.state, NONCE),
            may_change=getattr(request.state, RIGHT) is Right.CHANGE,
            event_id=hub.event_id(),
        )
        return HTMLResponse(draw(page, frame))

    return router
