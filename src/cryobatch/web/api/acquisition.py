"""What is known of the recordings and where from; the gain reference in all its orientations."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from cryobatch.imaging.gain_orientation import (
    LEAST_FIT,
    ORIENTATIONS,
    GainEvidence,
    GainVerdict,
    Orientation,
)
from cryobatch.model.facts import FACTS
from cryobatch.project import Project
from cryobatch.project.gain_study import GainInUse, GainStudies, GainStudy
from cryobatch.project.gain_turning import find_unfinished, turn_gain
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.recent_facts import RecentFact, find_recent_facts
from cryobatch.store.text import storable
from cryobatch.web.api.answers import answer
from cryobatch.web.api.jobs import Later, answer_later, say
from cryobatch.web.api.kept import Kept
from cryobatch.web.hub import Hub
from cryobatch.web.jobs import Jobs, Result

MOST_VALUES = 5
AFTER_STOP = "those that are turned stay so, and it can be finished later"


class Turn(BaseModel):
    """How a gain reference shall be turned: rotated first, then flipped."""

    rotation: Annotated[int, Field(ge=0, le=3, description="Turns of 90°.")]
    flip: Annotated[int, Field(ge=0, le=2, description="0 none, 1 upside down, 2 left to right.")]


def make_router(project: Project, hub: Hub, jobs: Jobs) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        hub: Numbers changes.
        jobs: Does what takes long.
    """
    router = APIRouter(prefix="/acquisition", tags=["acquisition"])
    recent = Kept(lambda: _find_recent(project), hub.number)
    studies = GainStudies(project)

    @router.get("")
    def facts(request: Request) -> Response:
        """Facts of the latest images with their sources; disagreements, alarms and doubts."""
        return answer(request, recent.get())

    @router.get("/gain")
    def gain(request: Request) -> Response:
        """How the latest movies' gain reference fits in each orientation.

        The first time this takes some seconds: raw frames of some movies are summed.
        ``unfinished`` is the orientation of a turn that was stopped, else null.
        """
        use, unfinished = studies.find_gain(), find_unfinished(project)
        return answer(request, {
            **_describe_gain(use, studies.study(use)),
            "unfinished": None if unfinished is None else asdict(unfinished),
        })  # fmt: skip

    @router.post("/gain/turn")
    def turn(request: Request, body: Turn, later: Later = False) -> Response:
        """Turn the gain reference so for all images, and for those that watched folders bring.

        What was calculated with another orientation becomes stale. As a job it may be stopped; the
        same again turns those that are left.
        """

        def work(done: Done) -> Result:
            changed = turn_gain(project, Orientation(body.rotation, body.flip), done=done)
            return {"changed": len(changed), "text": f"The gain is turned for {say(len(changed))}"}

        if later:
            job = jobs.start(
                "gain", "Turning the gain reference", work, may_stop=True, after_stop=AFTER_STOP
            )
            return answer_later(request, job)
        return answer(request, work(tell_nobody))

    @router.get("/gain/pictures/{name}")
    def picture(
        name: Annotated[str, InPath(max_length=20)],
        _version: Annotated[str | None, Query(alias="version", max_length=60)] = None,
    ) -> Response:
        """A JPEG: "raw" of the counts, "1-0" of what the reference expects when it is so turned."""
        found = studies.picture(name)
        if found is None:
            return JSONResponse({"error": f"there is no picture {name!r} of a gain reference"}, 404)
        headers = {"Cache-Control": "private, max-age=3600"}
        return Response(found, media_type="image/jpeg", headers=headers)

    return router


def _find_recent(project: Project) -> dict[str, object]:
    found = find_recent_facts(project)
    return {
        "images": found.images,
        "facts": [_describe_fact(one) for one in found.facts],
        "disagreements": [
            {name: storable(text) for name, text in one.items()} for one in found.disagreements
        ],
        "alarms": [storable(text) for text in found.alarms],
        "doubts": [{"text": text, "images": number} for text, number in found.doubts.items()],
    }


def _describe_fact(fact: RecentFact) -> dict[str, object]:
    numbers = [one for one in fact.values if isinstance(one, int | float)]
    is_number = len(numbers) == len(fact.values) and not isinstance(numbers[0], bool)
    return {
        "name": fact.name,
        "help": FACTS[fact.name].help,
        "unit": FACTS[fact.name].unit,
        "kind": FACTS[fact.name].kind,
        "values": list(fact.values)[:MOST_VALUES],
        "different": len(fact.values),
        "low": min(numbers) if is_number else None,
        "high": max(numbers) if is_number else None,
        "sources": fact.sources,
        "example": storable(fact.example),
        "images": fact.images,
    }


def _judge(use: GainInUse, study: GainStudy) -> str | None:
    """Return what the counts say of the reference as it is turned now."""
    if not study.fits:
        return None
    best = max(study.fits, key=lambda one: study.fits[one])
    if use.configured not in study.fits:  # it lies crosswise
        return str(GainVerdict.TURNED)
    fit, best_fit = study.fits[use.configured], study.fits[best]
    return str(GainEvidence(fit, study.error, best, best_fit).verdict)


def _describe_gain(use: GainInUse, study: GainStudy) -> dict[str, object]:
    best = max(study.fits, key=lambda one: study.fits[one], default=None)
    return {
        "gain": None if use.gain is None else storable(str(use.gain)),
        "source": storable(use.source),
        "verdict": _judge(use, study),
        "verdicts": use.verdicts,
        "movies": [storable(name) for name in study.movies],
        "error": study.error,
        "least_fit": LEAST_FIT,
        "problem": storable(study.problem),
        "orientations": [
            {
                **asdict(one),
                "fit": study.fits.get(one),
                "configured": one == use.configured,
                "best": one == best,
                "has_picture": f"{one.rotation}-{one.flip}" in study.pictures,
            }
            for one in ORIENTATIONS
        ],
        "has_raw": "raw" in study.pictures,
    }
