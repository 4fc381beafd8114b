"""One image: all that is known about it, and its small pictures."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse

from cryobatch.errors import ProjectError
from cryobatch.model.image import ImageRecord
from cryobatch.model.value import Absent
from cryobatch.project import Project
from cryobatch.web.api.answers import LARGEST_ID, answer

THUMBNAILS_FOLDER = "thumbnails"
_PICTURES = {".jpg": "image/jpeg", ".png": "image/png"}
_PRODUCT = re.compile(r"[a-z][a-z0-9_]{0,99}")
ImageId = Annotated[int, InPath(ge=1, le=LARGEST_ID)]


def make_router(project: Project) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/images", tags=["images"])

    @router.get("/{image_id}")
    def show(request: Request, image_id: ImageId) -> Response:
        """All that is known about an image: facts, values, runs, a person's words."""
        return answer(request, to_json(project.images.record(image_id)))

    @router.get("/{image_id}/thumbnails/{product}")
    def picture(
        request: Request, image_id: ImageId, product: Annotated[str, InPath(max_length=100)]
    ) -> Response:
        """A small picture, by the name of its product such as ``micrograph_thumbnail``."""
        folder = project.images.folder(image_id)
        path = find_thumbnail(folder, project.images.record(image_id), product)
        if path is None:
            return JSONResponse({"error": f"image {image_id} has no picture {product!r}"}, 404)
        return send_picture(request, path)

    return router


def find_thumbnail(folder: Path, record: ImageRecord, product: str) -> Path | None:
    """Return the file of a picture, None unless it is one of the image's thumbnails.

    A client names a product and never a file: what is sent is a picture that a script has recorded,
    in the image's own folder of thumbnails, wherever links may lead.
    """
    if not _PRODUCT.fullmatch(product):
        return None
    files = [run.products[product] for run in record.runs.values() if product in run.products]
    if not files:
        return None
    path = (folder / files[-1]).resolve()
    inside = path.parent == (folder / THUMBNAILS_FOLDER).resolve()
    stays = path.is_relative_to(folder.resolve())
    return path if inside and stays and path.suffix in _PICTURES and path.is_file() else None


def send_picture(request: Request, path: Path) -> Response:
    """Send a small picture that is a file."""
    try:
        status = path.stat()
        mark = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        headers = {"ETag": mark, "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(path.read_bytes(), media_type=_PICTURES[path.suffix], headers=headers)
    except OSError as error:
        raise ProjectError(f"{path.name}: cannot be read: {error.strerror}") from error


def to_json(record: ImageRecord) -> dict[str, object]:
    """Return a record for a program."""
    values = record.all_values().items()
    return {
        "image": asdict(record.image),
        "acquisition": {name: asdict(fact) for name, fact in record.acquisition.items()},
        "person": asdict(record.person),
        "flag": record.flag(),
        "values": {name: None if isinstance(v, Absent) else v for name, v in values},
        "absent": {name: v.reason for name, v in values if isinstance(v, Absent)},
        "parameters": record.parameters,
        "runs": {name: asdict(run) for name, run in record.runs.items()},
    }
