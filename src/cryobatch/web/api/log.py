"""The log: pages of it, sorted and filtered."""

import math
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from cryobatch.errors import UsageError
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.log import ProjectLog
from cryobatch.store.log import LogFilter, LogRow, PageKey, page_key
from cryobatch.store.log_texts import LogTexts
from cryobatch.web.api.answers import LARGEST_ID, Words, answer

MOST_ROWS = 1_000
Sort = Literal["time", "id", "level", "processor", "image", "batch", "script"]
_Moment = Annotated[float | None, Query(ge=0, le=1e11, allow_inf_nan=False)]
_Number = Annotated[int | None, Query(ge=0, le=LARGEST_ID)]


def _read_wanted(
    level: Annotated[list[Level] | None, Query()] = None,
    processor: Words | None = None,
    image: Words | None = None,
    image_id: _Number = None,
    batch: _Number = None,
    script: Words | None = None,
    text: Words | None = None,
    since: _Moment = None,
    until: _Moment = None,
) -> LogFilter:
    return LogFilter(
        levels=tuple(level) if level else None,
        processor=processor or None,
        image=image or None,
        image_id=image_id,
        batch=batch,
        script=script or None,
        since=since,
        until=until,
        text=text or None,
    )


def make_router(project: Project, texts: LogTexts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/log", tags=["log"])
    log = ProjectLog(project.database, texts)

    @router.get("")
    def list_rows(
        request: Request,
        only: Annotated[LogFilter, Depends(_read_wanted)],
        sort: Sort = "time",
        descending: bool = True,
        limit: Annotated[int, Query(ge=0, le=MOST_ROWS)] = 100,
        offset: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
        after: Annotated[
            str | None,
            Query(
                max_length=600, description="The `next` of the page before: quicker than offset."
            ),
        ] = None,
        counted: Annotated[bool, Query(description="Tell `total` whatever it costs.")] = False,
    ) -> Response:
        """One page of the log; ``next`` is where the page after it begins.

        ``total`` is the number of all rows that are meant, null while nobody knows without reading
        them all; ``last`` is the id of the newest row of all.
        """
        only = log.narrow(only)
        rows = log.page(
            sort=sort, descending=descending, limit=limit, offset=offset, only=only,
            after=None if after is None else read_key(after, sort),
        )  # fmt: skip
        key = page_key(rows[-1], sort) if len(rows) == limit and rows else None
        return answer(request, {
            "rows": [_to_json(row) for row in rows],
            "next": None if key is None else f"{key[1]!r}|{key[2]}|{key[0]}",
            "total": log.count(only) if counted or only.ids is not None else None,
            "last": log.last_id(),
        })  # fmt: skip

    @router.get("/count")
    def count(request: Request, only: Annotated[LogFilter, Depends(_read_wanted)]) -> Response:
        """How many rows there are, and the id of the newest of all."""
        return answer(request, {"count": log.count(only), "last": log.last_id()})

    return router


def read_key(text: str, sort: str) -> PageKey:
    """Return where a page begins, from the ``next`` of the page before.

    >>> read_key("1.5|7|fit_ctf", "script")
    ('fit_ctf', 1.5, 7)
    """
    time, _, rest = text.partition("|")
    number, _, column = rest.partition("|")
    try:
        numeric = {"time": float, "id": int, "level": int, "batch": int}
        key: float | int | str = numeric.get(sort, str)(column)
        found: PageKey = (key, float(time), int(number))
    except ValueError:
        found = ("", math.nan, 0)
    if not math.isfinite(found[1]) or any(abs(x) > LARGEST_ID for x in found if x.__class__ is int):
        raise UsageError("after: give the 'next' of a page that was sorted by the same column")
    return found


def _to_json(row: LogRow) -> dict[str, object]:
    return {
        "id": row.id,
        "time": row.time,
        "level": row.level.value,
        "text": row.text,
        "processor": row.processor,
        "image_id": row.image_id,
        "image": row.image,
        "batch": row.batch,
        "script": row.script,
    }
