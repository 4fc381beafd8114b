"""The scripts: what can be done to images, with which parameters, and in which order."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from cryobatch.model.category import order_categories
from cryobatch.model.product import TRANSIENT_PRODUCTS
from cryobatch.model.script import Script
from cryobatch.project import Project
from cryobatch.project.submission import Choice
from cryobatch.web.api.answers import answer
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.problems import Problems


class Wanted(BaseModel):
    """Scripts that shall run on a kind of image."""

    scripts: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
    root: Literal["movie", "micrograph"] = "movie"


def make_router(project: Project, fresh: Fresh, problems: Problems) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
        problems: Looks at scripts and parameters.
    """
    router = APIRouter(prefix="/scripts", tags=["scripts"])

    @router.get("")
    def list_scripts(request: Request) -> Response:
        """All scripts with their parameters, the order of categories, and named workflows.

        ``problems`` are files that cannot be used, and those that give parameters wrongly.
        """
        fresh()
        scripts = project.catalog.scripts
        settings = project.settings
        return answer(request, {
            "categories": order_categories(settings.categories),
            "scripts": [_describe(script) for script in scripts.values()],
            "workflows": settings.workflows,
            "default_workflows": settings.default_workflows,
            "given": _merge(project.site.parameters, settings.parameters),
            "problems": problems.tell_all(),
        })  # fmt: skip

    @router.post("/plan")
    def plan(request: Request, body: Wanted) -> Response:
        """The order in which scripts will run, with what comes along and what does not apply.

        Nothing is queued. An error says which scripts would help.
        """
        fresh()
        workflow = project.planner.plan_anyway(Choice(scripts=tuple(body.scripts)), body.root)
        return answer(request, {
            "order": [script.name for script in workflow.scripts],
            "added": sorted(workflow.added),
            "left_out": dict(workflow.left_out),
        })  # fmt: skip

    return router


def _describe(script: Script) -> dict[str, object]:
    return {
        "name": script.name,
        "title": script.title,
        "category": script.category,
        "version": script.version,
        "origin": script.origin,
        "help": script.help,
        "inputs": [str(one) for one in script.inputs],
        "outputs": list(script.outputs),
        "values": list(script.values),
        "prepares_only": all(name in TRANSIENT_PRODUCTS for name in script.outputs)
        and not script.values,
        "parameters": {name: asdict(one) for name, one in script.parameters.items()},
    }


def _merge(*layers: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Return parameters by script; a later layer comes first."""
    merged: dict[str, dict[str, object]] = {}
    for layer in layers:
        for script, given in layer.items():
            merged.setdefault(script, {}).update(given)
    return merged
