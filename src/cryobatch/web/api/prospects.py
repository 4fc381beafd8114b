"""A folder before it is watched: what it holds, and what a name pattern reads there.

These are orders, not questions, for the gate: only who may change anything may look at folders.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from cryobatch.errors import UsageError
from cryobatch.importing.layouts.pattern import parse_pattern
from cryobatch.importing.layouts.pattern_trial import try_pattern
from cryobatch.importing.survey import Survey
from cryobatch.model.facts import FACTS
from cryobatch.project import Project
from cryobatch.project.prospect import Prospect, Prospector, Sample, order_facts
from cryobatch.project.recent_facts import shorten_source
from cryobatch.store.text import storable
from cryobatch.web.api.answers import answer
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.watches import Wanted, Watch

NAMES = 12
MOST_PROBLEMS = 6


class Tried(Wanted):
    """Files of a folder, and a name pattern for them."""

    pattern: Annotated[str, Field(max_length=300)]


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/watches", tags=["watches"])
    prospector = Prospector(project)

    @router.post("/look")
    def look(request: Request, body: Watch) -> Response:
        """What watching a folder would bring; nothing is changed, no content is told.

        Whether it is there, how many recordings it holds, who has written them, which facts are
        known from which source, and which the scripts would still ask for.
        """
        fresh()
        choice = body.choice() if body.submit else None
        found = prospector.look(
            body.folder,
            body.patterns(),
            pattern=body.pattern,
            facts=body.known(project),
            choice=choice,
        )
        return answer(request, describe(found))

    @router.post("/names")
    def names(request: Request, body: Tried) -> Response:
        """Real names of a folder's recordings, cut up by a name pattern into its parts.

        Of a pattern that means nothing (yet) there is just the ``problem``.
        """
        survey = prospector.survey(body.folder, body.patterns())
        try:
            pattern = parse_pattern(body.pattern)
        except UsageError as error:  # it is being written, and means nothing yet
            return answer(request, {"problem": str(error)})
        trial = try_pattern(pattern, survey.recordings, survey.sample(NAMES))
        return answer(request, {
            "problem": None,
            "names": [
                {"pieces": [[storable(text), part] for text, part in pieces], "group": group}
                for pieces, group in zip(trial.names, trial.groups, strict=True)
            ],
            "fitting": trial.fitting,
            "count": trial.count,
        })  # fmt: skip

    return router


def describe(found: Prospect) -> dict[str, object]:
    """Return what watching a folder would bring, for a program."""
    return {
        "folder": storable(str(found.folder)),
        "state": found.state,
        "words": storable(found.words),
        "watched": found.watched,
        "polled": found.polled,
        "layouts": [
            {"program": one.program, "recordings": one.recordings, "note": one.note}
            for one in found.layouts
        ],
        **_describe_survey(found.survey),
        "sample": None if found.sample is None else _describe_sample(found.sample),
        "problems": [storable(text) for text in _few(found.problems)],
        "completions": [storable(one) for one in found.completions],
    }


def _describe_survey(survey: Survey | None) -> dict[str, object]:
    if survey is None:
        return {"recordings": 0, "kinds": {}, "bytes": 0, "unwanted": 0, "whole": True}
    return {
        "recordings": len(survey.recordings),
        "kinds": survey.kinds(),
        "bytes": sum(survey.sizes),
        "unwanted": survey.unwanted,
        "whole": survey.whole,
    }


def _describe_sample(sample: Sample) -> dict[str, object]:
    recording = sample.recording
    return {
        "name": storable(recording.path.name),
        "group": recording.group,
        "kind": recording.root_product,
        "rows": recording.rows,
        "columns": recording.columns,
        "frames": recording.frames,
        "facts": [
            {"name": name, "value": sample.facts[name].value, "unit": FACTS[name].unit,
             "source": storable(sample.facts[name].source),
             "from": shorten_source(storable(sample.facts[name].source))}
            for name in order_facts(sample.facts)
        ],
        "missing": [
            {"name": name, "unit": FACTS[name].unit, "help": FACTS[name].help}
            for name in sample.missing
        ],
        "disagreements": [one.describe() for one in sample.disagreements],
    }  # fmt: skip


def _few(texts: Sequence[str]) -> list[str]:
    left = len(texts) - MOST_PROBLEMS
    return [*texts[:MOST_PROBLEMS], *([f"... and {left} more"] if left > 0 else [])]
