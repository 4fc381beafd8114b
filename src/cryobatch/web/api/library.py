"""The library: rows of images as columns, and what the columns mean."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from cryobatch.model.batch import BatchState
from cryobatch.model.image import FLAGS
from cryobatch.project import Project
from cryobatch.store.fields import COLUMNS
from cryobatch.web.api.answers import LARGEST_ID, Words, answer
from cryobatch.web.api.freshness import Fresh

_Column = Annotated[str, Field(max_length=200)]


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/library", tags=["library"])

    @router.get("")
    def list_images(
        request: Request,
        where: Annotated[str | None, Query(max_length=20_000, description="An expression, such as "
                                           "`ctf_resolution < 4 and flag != 'red'`.")] = None,
        sort: Words = "id",
        descending: bool = False,
        limit: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
        columns: Annotated[list[_Column] | None, Query(max_length=200)] = None,
    ) -> Response:  # fmt: skip
        """Images as columns: ``{"columns": {"id": [...], "name": [...], ...}, "count": n}``.

        Without ``columns`` every value is there that some image has; what all images lack is left
        out.
        """
        found = project.images.table(
            where, fields=columns or None, sort=sort, descending=descending, limit=limit
        )
        return answer(request, {"columns": found, "count": len(found["id"])})

    @router.get("/fields")
    def list_fields(request: Request) -> Response:
        """What images can be shown, sorted and filtered by: units, bounds and meaning."""
        fresh()
        return answer(request, {
            "columns": list(COLUMNS),
            "values": _describe_values(project),
            "flags": list(FLAGS),
            "states": [state.value for state in BatchState],
        })  # fmt: skip

    return router


def _describe_values(project: Project) -> dict[str, dict[str, object]]:
    return {
        name: {
            "unit": value.unit, "kind": value.kind, "low": value.low, "high": value.high,
            "help": value.help, "script": script.name,
        }
        for script in project.catalog.scripts.values()
        for name, value in script.values.items()
    }  # fmt: skip
