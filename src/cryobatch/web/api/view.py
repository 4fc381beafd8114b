"""All that the page of one image shows but its pictures: measures, curves, runs, history."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse

from cryobatch.errors import CryobatchError
from cryobatch.formats import parameter_file
from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.movie import open_movie
from cryobatch.formats.star import read_star
from cryobatch.model.facts import FACTS
from cryobatch.model.image import ImageRecord
from cryobatch.model.script import Script
from cryobatch.model.value import Absent, Result
from cryobatch.project import Project
from cryobatch.web.api.answers import answer
from cryobatch.web.api.freshness import Fresh
from cryobatch.web.api.images import ImageId
from cryobatch.web.api.pictures import Kind, choose_file, find_pixels, find_product
from cryobatch.web.api.table import find_neighbours
from cryobatch.web.pictures import SIZES, identify

LOG_BYTES = 200_000
HISTORY_SHOWN = 50
Part = Callable[[], object]


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

        A part whose file cannot be read is null, and ``problems`` says why.
        """
        fresh()
        folder, record = project.images.folder(image_id), project.images.record(image_id)
        return answer(request, {
            **_describe(record, project.catalog.scripts, project.images.find_stale(record, folder)),
            **_read_parts(folder, record),
            **find_neighbours(project, image_id),
        })  # fmt: skip

    @router.get("/{image_id}/history")
    def history(request: Request, image_id: ImageId) -> Response:
        """Earlier runs that newer ones have replaced, the latest first."""
        found = _read_history(project.images.folder(image_id) / "history")
        return answer(request, {"history": found})

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


def _read_parts(folder: Path, record: ImageRecord) -> dict[str, object]:
    """Return what is drawn; what cannot be read costs only itself."""
    problems: list[str] = []

    def attempt(read: Part) -> object:
        try:
            return read()
        except CryobatchError as error:
            problems.append(str(error))
            return None

    parts = {
        "micrograph": attempt(lambda: _micrograph(folder, record)),
        "spectrum": attempt(lambda: _picture(folder, record, "spectrum")),
        "picks": attempt(lambda: _picks(folder, record)),
        "motion": attempt(lambda: _motion(folder, record)),
        "curve": attempt(lambda: _curve(folder, record)),
        "logs": sorted(path.stem for path in (folder / "logs").glob("*.log")),
    }
    return {**parts, "problems": problems}


def _picture(folder: Path, record: ImageRecord, kind: Kind) -> dict[str, object] | None:
    path, _ = choose_file(folder, record, kind, SIZES[-1])
    if path is None:
        return None
    moment, length = identify(path)
    return {"version": f"{moment:x}-{length:x}"}


def _micrograph(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    found = _picture(folder, record, "micrograph")
    if found is None:
        return None
    path = find_pixels(folder, record, "micrograph")
    rows, columns = record.image.rows, record.image.columns
    pixel_size = record.number("micrograph_pixel_size") or record.fact("pixel_size")
    if path is not None:
        with open_movie(path) as movie:
            rows, columns = movie.shape[1:]
    return {**found, "rows": rows, "columns": columns, "pixel_size_angstrom": pixel_size}


def _picks(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    path = find_product(folder, record, "particles")
    if path is None:
        return None
    blocks = read_star(path)
    table = next((block for block in blocks.values() if "rlnCoordinateX" in block), None)
    x, y = ([], []) if table is None else (
        table.floats("rlnCoordinateX").tolist(), table.floats("rlnCoordinateY").tolist()
    )  # fmt: skip
    return {"x": x, "y": y, "diameter_angstrom": record.number("particle_diameter")}


def _motion(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    path = find_product(folder, record, "motion")
    if path is None:
        return None
    motion = read_motion(path)
    track = motion.global_shifts_px * motion.pixel_size_angstrom
    return {
        "x_angstrom": track[:, 0].tolist(),
        "y_angstrom": track[:, 1].tolist(),
        "first_frame": motion.start_frame,
    }


def _curve(folder: Path, record: ImageRecord) -> dict[str, object] | None:
    path = find_product(folder, record, "ctf_curve")
    if path is None:
        return None
    table = read_star(path).get("ctf_curve")
    if table is None or "cryobatchSpatialFrequency" not in table:
        return None
    names = {"frequency": "SpatialFrequency", "average": "EquiPhaseAverage",
             "fit": "CtfFit", "correlation": "FitCorrelation"}  # fmt: skip
    return {
        short: table.floats(f"cryobatch{label}").tolist()
        for short, label in names.items()
        if f"cryobatch{label}" in table
    }


def _read_history(folder: Path) -> list[dict[str, object]]:
    # A folder's name has the script, the moment and the batch: the record tells the moment itself.
    found: list[dict[str, object]] = []
    for path in folder.glob("*/record.toml"):
        try:
            record = parameter_file.read(path)
        except CryobatchError:
            continue  # the doctor tells of files that cannot be read
        found += [
            {
                "script": name, "started_at": run.started_at, "seconds": run.seconds,
                "version": run.version, "parameters": run.parameters, "batch": run.batch,
                "values": {one: _result(value)["value"]
                           for one, value in record.values.get(name, {}).items()},
            }
            for name, run in record.runs.items()
        ]  # fmt: skip
    found.sort(key=lambda one: str(one["started_at"]), reverse=True)
    return found[:HISTORY_SHOWN]
