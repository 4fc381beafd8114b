"""Earlier runs on an image: their values and pictures, to be laid beside those of today."""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse

from cryobatch.errors import CryobatchError
from cryobatch.formats import parameter_file
from cryobatch.model.image import ImageRecord
from cryobatch.model.value import Absent
from cryobatch.processing.history import HISTORY_FOLDER
from cryobatch.project import Project
from cryobatch.web.api.answers import answer
from cryobatch.web.api.images import ImageId, find_thumbnail, send_picture

SHOWN = 50
_Name = Annotated[str, InPath(max_length=200)]


def make_router(project: Project) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/images", tags=["images"])

    @router.get("/{image_id}/history")
    def history(request: Request, image_id: ImageId) -> Response:
        """Earlier runs that newer ones have replaced, the latest first, with their values.

        ``name`` and an entry of ``pictures`` fetch a small picture that was kept.
        """
        return answer(request, {"history": _list_runs(project.images.folder(image_id))})

    @router.get("/{image_id}/history/{name}/{product}")
    def picture(
        request: Request, image_id: ImageId, name: _Name, product: _Name
    ) -> Response:  # fmt: skip
        """A small picture of an earlier run."""
        for folder, record in _read_all(project.images.folder(image_id)):
            path = find_thumbnail(folder, record, product) if folder.name == name else None
            if path is not None:
                return send_picture(request, path)
        text = f"image {image_id} has kept no picture {product!r} of a run {name!r}"
        return JSONResponse({"error": text}, 404)

    return router


def count_earlier(image_folder: Path) -> dict[str, int]:
    """Return how many earlier runs each script has on an image."""
    return dict(Counter(script for _, record in _read_all(image_folder) for script in record.runs))


def _list_runs(image_folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {
            "name": folder.name, "script": name, "started_at": run.started_at,
            "seconds": run.seconds, "version": run.version, "parameters": run.parameters,
            "batch": run.batch,
            "values": {one: None if isinstance(value, Absent) else value
                       for one, value in record.values.get(name, {}).items()},
            "pictures": sorted(product for product in run.products
                               if find_thumbnail(folder, record, product) is not None),
        }
        for folder, record in _read_all(image_folder)
        for name, run in record.runs.items()
    ]  # fmt: skip
    found.sort(key=lambda one: str(one["started_at"]), reverse=True)
    return found[:SHOWN]


def _read_all(image_folder: Path) -> Iterator[tuple[Path, ImageRecord]]:
    # A folder's name has the script, the moment and the batch: the record tells them itself.
    for path in sorted((image_folder / HISTORY_FOLDER).glob("*/record.toml")):
        try:
            yield path.parent, _read(path, path.stat().st_mtime_ns)
        except (CryobatchError, OSError):
            continue  # the doctor tells of files that cannot be read


@lru_cache(maxsize=512)
def _read(path: Path, _modified_ns: int) -> ImageRecord:
    """Return what is in a record; what has become history changes no more."""
    return parameter_file.read(path)
