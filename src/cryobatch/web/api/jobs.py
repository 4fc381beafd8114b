"""Jobs: how far orders are that take long, and what became of them."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from cryobatch.web.api.answers import answer
from cryobatch.web.jobs import Job, Jobs

JobId = Annotated[str, Path(max_length=40)]
Later = Annotated[
    bool,
    Query(description="Answer at once (202) with a job, whose end /api/v1/jobs tells."),
]


class Nothing(BaseModel):
    """No words are needed."""


def make_router(jobs: Jobs) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    @router.get("")
    def list_jobs(request: Request) -> Response:
        """Orders that run, and the latest that have ended, oldest first.

        The topic ``jobs`` of the event stream tells of each change, twice a second at most.
        """
        return answer(request, {"jobs": [_describe(one) for one in jobs.listing()]})

    @router.get("/{job}")
    def show(request: Request, job: JobId) -> Response:
        """One of them: state, how much is done, and its result or error."""
        return answer(request, _describe(jobs.find(job)))

    @router.post("/{job}/stop")
    def stop(request: Request, job: JobId, _: Nothing) -> Response:
        """Stop one that may be stopped; ``after_stop`` says what holds then."""
        return answer(request, _describe(jobs.stop(job)))

    return router


def answer_later(request: Request, job: Job) -> Response:
    """Return the answer to who does not wait for the end."""
    response = answer(request, _describe(job))
    response.status_code = 202
    return response


def say(images: int) -> str:
    """Return a number of images in words.

    >>> say(1), say(100_000)
    ('1 image', '100,000 images')
    """
    return f"{images:,} image" + ("" if images == 1 else "s")


def _describe(job: Job) -> dict[str, object]:
    return asdict(job)
