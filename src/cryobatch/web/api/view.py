"""All that the page of one image shows but its pictures: values, facts, curves, runs, logs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse

from cryobatch.model.batch import BatchState
from cryobatch.model.event import Level
from cryobatch.model.facts import FACTS
from cryobatch.model.image import ImageRecord
from cryobatch.model.script import Script
from cryobatch.model.value import Absent, Result
from cryobatch.project import Project
from cryobatch.store.log import LogFilter
from cryobatch.web.api.answers import answer
from cryobatch.web.api.drawn import read_drawn
from cryobatch.web.api.earlier import count_earlier
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.images import ImageId
from cryobatch.web.api.table import find_neighbours

LOG_BYTES = 200_000


def make_router(project: Project, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/images", tags=["images"])

    @router.get("/{image_id}/view")
    def show(request: Request, image_id: ImageId) -> Response:
        """Values with units and where they come from, facts, picks, drift, curve, neighbours.

        A part whose file cannot be read is null, and ``problems`` says why; ``parameter_faults``
        are parameters of its own that no script takes.
        """
        fresh()
        folder, record = project.images.folder(image_id), project.images.record(image_id)
        return answer(request, {
            **_describe(record, project.catalog.scripts, project.images.find_stale(record, folder)),
            **read_drawn(folder, record),
            **find_neighbours(project, image_id),
            **_tell_batch(project, image_id),
            "parameter_faults": [asdict(one) for one in project.find_image_faults(record)],
            "earlier": count_earlier(folder),
            "logs": sorted(path.stem for path in (folder / "logs").glob("*.log")),
        })  # fmt: skip

    @router.get("/{image_id}/logs/{script}")
    def log(
        request: Request, image_id: ImageId, script: Annotated[str, InPath(max_length=100)]
    ) -> Response:
        """The last lines that a script has written on its last run on this image."""
        folder, record = project.images.folder(image_id), project.images.record(image_id)
        path = (folder / "logs" / f"{script}.log").resolve()
        is_ours = script in {*record.runs, *project.catalog.scripts}
        if not is_ours or path.parent != (folder / "logs").resolve() or not path.is_file():
            return JSONResponse({"error": f"image {image_id} has no log of {script!r}"}, 404)
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            text = file.read().decode(errors="replace")
        return answer(request, {"text": text})

    return router


def _describe(
    record: ImageRecord, scripts: Mapping[str, Script], stale: tuple[str, ...]
) -> dict[str, object]:
    person = record.person
    known = {name: asdict(fact) for name, fact in record.acquisition.items()}
    corrected = {name: {"value": value, "source": "a person", "corrected": True}
                 for name, value in person.facts.items()}  # fmt: skip
    return {
        "image": asdict(record.image),
        "flag": record.flag(),
        "person": asdict(person),
        "facts": {
            name: {**fact, "unit": FACTS[name].unit if name in FACTS else ""}
            for name, fact in {**known, **corrected}.items()
        },
        "parameters": record.parameters,
        "runs": [
            {
                "script": name, "title": scripts[name].title if name in scripts else name,
                "stale": name in stale, "values": _describe_values(record, name, scripts),
                **{k: v for k, v in asdict(run).items() if k not in {"inputs", "fingerprint"}},
            }
            for name, run in record.runs.items()
        ],
        "others": {name: value for name, value in person.locks.items()
                   if not any(name in values for values in record.values.values())},
    }  # fmt: skip


def _describe_values(
    record: ImageRecord, script: str, scripts: Mapping[str, Script]
) -> list[dict[str, object]]:
    declared = scripts[script].values if script in scripts else {}
    present = record.all_values()
    return [
        {
            "name": name,
            **_result(present[name]),
            "unit": declared[name].unit if name in declared else "",
            "help": declared[name].help if name in declared else "",
            "locked": name in record.person.locks,
        }
        for name in record.values.get(script, {})
    ]


def _result(value: Result) -> dict[str, object]:
    if isinstance(value, Absent):
        return {"value": None, "absent": value.reason}
    return {"value": value, "absent": None}


def _tell_batch(project: Project, image_id: int) -> dict[str, object]:
    """Return the state of the image's last batch, and what went wrong where it failed."""
    row = project.images.rows(ids=[image_id])[0]
    failed = row["state"] == BatchState.FAILED.value
    only = LogFilter(levels=(Level.ERROR,), image_id=image_id)
    told = project.log.page(limit=1, only=only) if failed else []
    return {
        "state": row["state"],
        "failure": {"script": told[0].script, "text": told[0].text} if told else None,
    }
