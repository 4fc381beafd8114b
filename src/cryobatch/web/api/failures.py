"""Failures by cause: what goes wrong, on which images, and how to do it again."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from cryobatch.project import Project
from cryobatch.project.failures import Cause, Failure, Failures
from cryobatch.web.api.answers import answer
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.kept import Kept, Result
from cryobatch.web.hub import Hub

IMAGES_SHOWN = 200
_Name = Annotated[str, Field(max_length=40)]


class Again(BaseModel):
    """Causes by their ids; without any all that has failed."""

    causes: Annotated[list[_Name], Field(max_length=10_000)] | None = None
    top: bool = False


def make_router(project: Project, fresh: Fresh, hub: Hub) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
        hub: Numbers the changes.
    """
    router = APIRouter(prefix="/failures", tags=["failures"])
    failures = Failures(project)
    kept = Kept(lambda: _list(project, failures.causes()), hub.number)

    @router.get("")
    def list_causes(request: Request) -> Response:
        """Why batches have failed, the latest first; without what was made good since.

        ``pattern`` is the message with ``…`` for names and ``#`` for numbers, ``words`` a piece of
        it by which its rows are found in the log.
        """
        fresh()
        return answer(request, kept.get())

    @router.get("/{cause}")
    def show_cause(
        request: Request,
        cause: Annotated[str, InPath(max_length=40)],
        limit: Annotated[int, Query(ge=0, le=10_000)] = IMAGES_SHOWN,
    ) -> Response:
        """The images of one cause, the latest first, and what is known of the latest failure.

        ``again`` is the command that does it again, ``output`` the last lines that the script
        wrote.
        """
        fresh()
        found = failures.find(cause)
        return answer(request, {
            **_describe(project, found),
            "failed": [asdict(one) for one in reversed(found.failures[-limit:])] if limit else [],
            "account": _account(project, failures, found.script, found.failures[-1]),
        })  # fmt: skip

    @router.post("/retry")
    def retry(request: Request, body: Again) -> Response:
        """Queue all batches anew that failed for some causes."""
        done = failures.retry(body.causes, top=body.top)
        kept.forget()
        return answer(request, {
            "batches": done.submitted.ids, "duplicates": done.submitted.duplicates,
        })  # fmt: skip

    return router


def _list(project: Project, causes: Sequence[Cause]) -> Result:
    images = {one.image_id for cause in causes for one in cause.failures}
    return {"causes": [_describe(project, cause) for cause in causes], "images": len(images)}


def _describe(project: Project, cause: Cause) -> dict[str, object]:
    script = project.catalog.scripts.get(cause.script)
    return {
        "id": cause.id,
        "script": cause.script,
        "title": cause.script if script is None else script.title,
        "pattern": cause.pattern,
        "words": cause.words,
        "images": cause.images(),
        "count": len(cause.failures),
        "first": cause.failures[0].time,
        "last": cause.failures[-1].time,
        "latest": asdict(cause.failures[-1]),
    }


def _account(
    project: Project, failures: Failures, script: str, failure: Failure
) -> dict[str, object]:
    found = failures.explain(script, failure)
    log = found.log.relative_to(project.place.folder)
    return {**asdict(found), "log": str(log)}
