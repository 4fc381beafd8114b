"""What a person says about images: flags, comments, the trash, parameters of their own."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from cryobatch.errors import UnknownNameError
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.resolution import check_parameters
from cryobatch.project import Project, Selection
from cryobatch.project.correction import (
    Change,
    check_known,
    comment_image,
    flag_image,
    set_parameters,
    unset_parameters,
)
from cryobatch.web.api.answers import Ids, answer
from cryobatch.web.api.freshness import Fresh

_Name = Annotated[str, Field(max_length=200)]
Given = dict[_Name, dict[_Name, ParameterValue]]


class Chosen(BaseModel):
    """Images, named in one of the three ways."""

    all: bool = False
    images: Ids = []
    where: Annotated[str, Field(max_length=20_000)] | None = None

    def selection(self) -> Selection:
        """Return what is meant."""
        return Selection(everything=self.all, images=tuple(self.images), where=self.where)


class Flagging(Chosen):
    """Images, and their flag: green, amber, red; null takes a person's flag back."""

    flag: Annotated[str, Field(max_length=20)] | None


class Commenting(Chosen):
    """Images, and what is said of them; an empty text removes it."""

    comment: Annotated[str, Field(max_length=10_000)]


class Trashing(Chosen):
    """Images, and whether they are put aside or taken back."""

    trashed: bool = True


class Parameters(Chosen):
    """Images, and parameters of their own by script; null takes one back."""

    parameters: Given


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/images", tags=["images"])

    def change(request: Request, chosen: Chosen, how: Change) -> Response:
        changed = project.images.update(chosen.selection(), how)
        return answer(request, {"changed": changed})

    @router.post("/flag")
    def flag(request: Request, body: Flagging) -> Response:
        """Flag images."""
        return change(request, body, flag_image(body.flag))

    @router.post("/comment")
    def comment(request: Request, body: Commenting) -> Response:
        """Comment images."""
        return change(request, body, comment_image(body.comment))

    @router.post("/trash")
    def trash(request: Request, body: Trashing) -> Response:
        """Put images aside, or take them back; no file is removed."""
        changed = project.images.trash(body.selection(), body.trashed)
        return answer(request, {"changed": changed})

    @router.post("/parameters")
    def parameters(request: Request, body: Parameters) -> Response:
        """Give scripts parameters that hold for these images; results become stale by them.

        What no script takes any more is taken back where it stands.
        """
        fresh()
        given = _check(project, body.parameters)
        back = {(script, name) for script, values in body.parameters.items()
                for name, value in values.items() if value is None}  # fmt: skip
        unset, put = unset_parameters(back), set_parameters(given)
        changed = project.images.update(body.selection(), lambda record: put(unset(record)))
        if not changed:
            check_known(back, project.catalog.scripts)
        return answer(request, {"changed": changed})

    return router


def _check(project: Project, wanted: Given) -> dict[str, dict[str, ParameterValue]]:
    """Return what is given in its own types, without what is taken back."""
    scripts = project.catalog.scripts
    checked = {}
    for script, values in wanted.items():
        put = {name: value for name, value in values.items() if value is not None}
        if put and script not in scripts:
            raise UnknownNameError("script", script, scripts)
        if put:
            checked[script] = dict(check_parameters(scripts[script], put))
    return checked
