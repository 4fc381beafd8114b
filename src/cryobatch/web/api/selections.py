"""Saved selections: images under a name, the same for everybody in the project."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from cryobatch.project import Project
from cryobatch.web.api.answers import answer
from cryobatch.web.api.person import Chosen

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Saving(Chosen):
    """Images, and the name to keep them under."""

    name: Name
    replace: bool = False


class Renaming(BaseModel):
    """A saved selection, and its new name."""

    name: Name
    new: Name


class Named(BaseModel):
    """A saved selection."""

    name: Name


def make_router(project: Project) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/selections", tags=["selections"])

    @router.get("")
    def list_selections(request: Request) -> Response:
        """All saved selections: name, expression or ids of images, when they were saved."""
        saved = project.selections.listing()
        return answer(request, {"selections": [
            {"name": name, "where": one.where, "saved_at": one.saved_at,
             "images": None if one.where is not None else list(one.images)}
            for name, one in saved.items()
        ]})  # fmt: skip

    @router.post("")
    def save(request: Request, body: Saving) -> Response:
        """Keep images under a name; an expression is kept as it is."""
        made = project.selections.save(body.name, body.selection(), replace=body.replace)
        return answer(request, {"name": body.name, "where": made.where})

    @router.post("/rename")
    def rename(request: Request, body: Renaming) -> Response:
        """Give a selection another name."""
        project.selections.rename(body.name, body.new)
        return answer(request, {"name": body.new})

    @router.post("/remove")
    def remove(request: Request, body: Named) -> Response:
        """Forget a selection; no image is touched. What it was is answered."""
        gone = project.selections.remove(body.name)
        images = None if gone.where is not None else list(gone.images)
        return answer(request, {"name": body.name, "where": gone.where, "images": images})

    return router
