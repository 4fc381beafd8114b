"""The library's table as a page holds it: all rows once, then those that have changed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from cryobatch.project import Project, Selection
from cryobatch.web.api.answers import answer

BESIDES = ("comment", "root_product", "has_results", "pictured_at")
"""What the page must know of an image besides what it shows."""
NEIGHBOURS = 1
_Column = Annotated[str, Field(max_length=200)]
Where = Annotated[str | None, Query(max_length=20_000, description="An expression, such as "
                                    "`ctf_resolution < 4 and flag != 'red'`.")]  # fmt: skip


def make_router(project: Project) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/library", tags=["library"])

    @router.get("/table")
    def show_table(
        request: Request, where: Where = None,
        columns: Annotated[list[_Column] | None, Query(max_length=500)] = None,
    ) -> Response:  # fmt: skip
        """Images as columns: those asked for, all values without any; comment and kind besides.

        Numbers have about seven digits here. What is in the trash is left out, unless the
        expression asks for ``trashed``.
        """
        found = project.images.table(where, fields=columns or None, besides=BESIDES, exact=False)
        return answer(request, {"columns": found, "count": len(found["id"])})

    @router.get("/ids")
    def find(request: Request, where: Where = None) -> Response:
        """The ids of the images that an expression means, all without one."""
        chosen = Selection(everything=True) if where is None else Selection(where=where)
        return answer(request, {"ids": list(project.images.select(chosen))})

    return router


def find_neighbours(project: Project, image_id: int) -> dict[str, int | None]:
    """Return the images before and after one, in the order of the library."""
    before = project.images.rows(f"id < {image_id:d}", sort="id", descending=True, limit=NEIGHBOURS)
    after = project.images.rows(f"id > {image_id:d}", sort="id", limit=NEIGHBOURS)
    return {
        name: int(str(rows[0]["id"])) if rows else None
        for name, rows in (("previous", before), ("next", after))
    }
