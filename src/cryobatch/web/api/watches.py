"""The watched folders: how each gets on, and what a person orders about them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from cryobatch.errors import ProjectError, UsageError
from cryobatch.importing.take import Take
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import PATIENT_S, Patience
from cryobatch.model.image import FactValue
from cryobatch.project import Project
from cryobatch.project.holder import find_holder
from cryobatch.project.submission import Choice
from cryobatch.project.typed_folder import read_folder
from cryobatch.project.watching import Orders, WatchedFolder, WatchReport
from cryobatch.store.text import storable
from cryobatch.store.watching import FileRow, FileState
from cryobatch.web.api.answers import LARGEST_ID, answer
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.kept import Kept
from cryobatch.web.api.person import Given
from cryobatch.web.hub import Hub

SHOWN = 5
"""Files of each kind that are told at once; the others are asked for."""
LOOKED_AT = 50
"""Of so many of the latest the first by name are shown: these stay the same for a person's eye."""
MOST_SHOWN = 500
WatchId = Annotated[int, InPath(ge=1, le=LARGEST_ID)]
_Text = Annotated[str, Field(max_length=300)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
Facts = dict[_Text, bool | int | _Number | Annotated[str, Field(max_length=4_000)]]
Place = Literal["bottom", "top", "first_now"]


class Wanted(BaseModel):
    """Which files of which folder."""

    folder: Annotated[str, Field(max_length=4_000)]
    include: Annotated[list[_Text], Field(max_length=50)] = []
    ignore: Annotated[list[_Text], Field(max_length=50)] = []

    def patterns(self) -> Patterns:
        """Return which files are wanted."""
        return Patterns(_filled(self.include), _filled(self.ignore))


class Watch(Wanted):
    """A folder, and what shall be done with its recordings."""

    facts: Facts = {}
    take: Take = Take.LINK
    rate_mb_s: Annotated[float, Field(ge=0.1, le=1e6)] | None = None
    submit: bool = True
    workflow: _Text | None = None
    scripts: Annotated[list[_Text], Field(max_length=100)] | None = None
    parameters: Given = {}
    place: Place = "bottom"
    pattern: _Text | None = None
    patience_s: Annotated[float, Field(ge=2, le=86_400)] = PATIENT_S
    active: bool = True

    def choice(self) -> Choice:
        """Return what shall be done to the images."""
        scripts = None if self.scripts is None else tuple(self.scripts)
        top, first_now = self.place == "top", self.place == "first_now"
        return Choice(scripts, self.workflow, self.parameters or None, top=top, first_now=first_now)

    def known(self, project: Project) -> dict[str, FactValue]:
        """Return the facts in their own types.

        Raises:
            UsageError: One means nothing; the text says which.
        """
        try:
            return project.check_facts({k: v for k, v in self.facts.items() if v != ""})
        except ProjectError as error:  # a file that is not there: who asks named it
            raise UsageError(str(error)) from error

    def orders(self, project: Project) -> Orders:
        """Return the same as the project keeps it.

        Raises:
            UsageError: Something means nothing; the text says what.
        """
        choice = self.choice()
        project.planner.check_new(choice)
        project.planner.check_parameters(choice)
        project.read_pattern(self.pattern)
        return Orders(
            facts=self.known(project),
            take=self.take,
            rate_mb_s=None if self.take is Take.LINK else self.rate_mb_s,
            submit=self.submit,
            choice=choice,
            patterns=self.patterns(),
            patience=Patience(patient_s=self.patience_s),
            pattern=self.pattern,
        )


def make_router(project: Project, hub: Hub, fresh: Fresh) -> APIRouter:
    """Return the routes.

    Args:
        project: The project.
        hub: Numbers changes.
        fresh: Reads settings and scripts again when they have changed.
    """
    router = APIRouter(prefix="/watches", tags=["watches"])
    listing = Kept(lambda: _list(project), hub.number, least_s=0.2)

    @router.get("")
    def list_watches(request: Request) -> Response:
        """All watched folders: state, counts, what lacks something and why, rate, delay, orders."""
        return answer(request, listing.get())

    @router.post("")
    def add(request: Request, body: Watch) -> Response:
        """Watch a folder; one that is watched already gets new orders. It need not be there yet."""
        fresh()
        folder = read_folder(body.folder)
        watched = project.watching.add(folder, body.orders(project), active=body.active)
        return answer(request, {"id": watched.id, "folder": storable(str(watched.folder))})

    @router.post("/{watch_id}/start")
    def start(request: Request, watch_id: WatchId) -> Response:
        """Follow a folder (again)."""
        project.watching.start(project.watching.find(str(watch_id)))
        return answer(request, {"id": watch_id})

    @router.post("/{watch_id}/stop")
    def stop(request: Request, watch_id: WatchId) -> Response:
        """Follow a folder no more; what was taken is remembered."""
        project.watching.stop(project.watching.find(str(watch_id)))
        return answer(request, {"id": watch_id})

    @router.post("/{watch_id}/scan")
    def scan(request: Request, watch_id: WatchId) -> Response:
        """Look through a whole folder at once."""
        project.watching.scan(project.watching.find(str(watch_id)))
        return answer(request, {"id": watch_id})

    @router.delete("/{watch_id}")
    def remove(request: Request, watch_id: WatchId) -> Response:
        """Forget a folder; its images stay."""
        project.watching.remove(project.watching.find(str(watch_id)))
        return answer(request, {"id": watch_id})

    @router.get("/{watch_id}/files")
    def files(
        request: Request,
        watch_id: WatchId,
        state: FileState = FileState.INCOMPLETE,
        limit: Annotated[int, Query(ge=1, le=MOST_SHOWN)] = 100,
    ) -> Response:
        """The files of a folder in one state, the latest first, each with the reason."""
        watched = project.watching.find(str(watch_id))
        rows = project.watching.files(watched, state, limit)
        return answer(request, {"rows": [_describe_file(row) for row in rows]})

    return router


def _list(project: Project) -> dict[str, object]:
    works = find_holder(project.place.lock) is not None
    held = project.queue.why_held()
    watching = project.watching
    return {
        "works": works,
        "held": held,
        "rows": [
            _describe(watching.report(one, LOOKED_AT), works, held) for one in watching.listing()
        ],
    }


def _describe(report: WatchReport, works: bool, held: str | None) -> dict[str, object]:
    watched, delays = report.watched, report.delays
    settling = watched.settling(works)
    state = watched.state(works)
    is_held = held is not None and works and watched.active and state != "absent"
    return {
        "id": watched.id,
        "folder": storable(str(watched.folder)),
        "active": watched.active,
        "state": "held" if is_held else state,
        "reason": watched.reason(works),
        "found": sum(report.counts.values()) + settling,
        "settling": settling,
        "settling_files": watched.status.get("settling_files", []) if settling else [],
        **{kind.value: number for kind, number in report.counts.items()},
        "files": [
            _describe_file(row)
            for rows in (report.incomplete, report.failed)
            for row in sorted(rows, key=lambda one: one.path)[:SHOWN]
        ],
        "images_an_hour": report.images_an_hour,
        "delay_to_batch_s": delays.to_batch,
        "delay_to_batch_slow_s": delays.to_batch_slow,
        "delay_to_result_s": delays.to_result,
        "scanned_at": watched.status.get("scanned_at"),
        "scan_s": watched.status.get("scan_s"),
        "orders": describe_orders(watched),
    }


def describe_orders(watched: WatchedFolder) -> dict[str, object]:
    """Return what is done with a folder's recordings, as ``POST /watches`` takes it."""
    orders, choice = watched.orders, watched.orders.choice
    place: Place = "top" if choice.top else "first_now" if choice.first_now else "bottom"
    return {
        "folder": storable(str(watched.folder)),
        "include": list(orders.patterns.include),
        "ignore": list(orders.patterns.ignore),
        "pattern": orders.pattern,
        "facts": dict(orders.facts),
        "take": orders.take.value,
        "rate_mb_s": orders.rate_mb_s,
        "submit": orders.submit,
        "workflow": choice.workflow,
        "scripts": None if choice.scripts is None else list(choice.scripts),
        "parameters": choice.parameters or {},
        "place": place,
        "patience_s": orders.patience.patient_s,
        "active": watched.active,
    }


def _describe_file(row: FileRow) -> dict[str, object]:
    return {
        "path": storable(row.path),
        "state": row.state.value,
        "reason": row.reason,
        "noted_at": row.noted_at,
        "image_id": row.image_id,
        "bytes": row.look[0],
    }


def _filled(texts: list[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())
