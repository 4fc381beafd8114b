"""Pictures of an image at a size: its micrograph and its spectrum."""

from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from cryobatch.model.image import ImageRecord
from cryobatch.project import Project
from cryobatch.web.api.images import ImageId, find_thumbnail
from cryobatch.web.pictures import (
    Pictures,
    draw_micrograph,
    draw_smaller,
    draw_spectrum,
    identify,
    round_up,
)

Kind = Literal["micrograph", "spectrum"]
_PRODUCTS: dict[Kind, tuple[str, str]] = {
    "micrograph": ("micrograph", "micrograph_thumbnail"),
    "spectrum": ("power_spectrum", "power_spectrum_thumbnail"),
}
FRESH_S = 60


def make_router(project: Project) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/images", tags=["images"])
    pictures = Pictures()

    @router.get("/{image_id}/pictures/{kind}")
    def picture(
        request: Request,
        image_id: ImageId,
        kind: Kind,
        size: Annotated[int, Query(ge=16, le=100_000, description="Longest side, px.")] = 1024,
        version: Annotated[str | None, Query(max_length=60, description="As the view names it: "
                                             "then a browser may keep the picture.")] = None,
    ) -> Response:  # fmt: skip
        """A JPEG, its first row on top; drawn from the pixels where no small picture will do."""
        folder, record = project.images.folder(image_id), project.images.record(image_id)
        wanted = round_up(size)
        path, small = choose_file(folder, record, kind, wanted)
        if path is None:
            return JSONResponse({"error": f"image {image_id} has no {kind} yet"}, 404)
        moment, length = identify(path)
        mark = f'"{moment:x}-{length:x}-{wanted}"'
        age = 86_400 if version else FRESH_S
        headers = {"ETag": mark, "Cache-Control": f"private, max-age={age}"}
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)

        def draw() -> bytes:
            if small:
                return draw_smaller(path, wanted, stretch=kind == "micrograph")
            if kind == "spectrum":
                return draw_spectrum(path, record, wanted)
            return draw_micrograph(path, wanted)

        return Response(pictures.get(path, wanted, draw), media_type="image/jpeg", headers=headers)

    return router


def choose_file(
    folder: Path, record: ImageRecord, kind: Kind, size: int
) -> tuple[Path | None, bool]:
    """Return the file to draw from, and whether it is a small picture that is there already.

    A small picture that is older than what it shows is passed over.
    """
    product, thumbnail = _PRODUCTS[kind]
    full = find_pixels(folder, record, product)
    small = find_thumbnail(folder, record, thumbnail)
    if small is None or (full is not None and identify(small) < identify(full)):
        return full, False
    is_enough = full is None or size <= _small_side(record, thumbnail)
    return (small, True) if is_enough else (full, False)


def _small_side(record: ImageRecord, thumbnail: str) -> int:
    """Return the longest side that an image's small pictures have."""
    for run in record.runs.values():
        side = run.parameters.get("thumbnail_size")
        if thumbnail in run.products and isinstance(side, int):
            return side
    return 256


def find_product(folder: Path, record: ImageRecord, product: str) -> Path | None:
    """Return the file of a product that a script has recorded, None where there is none.

    It lies in the image's own folder, wherever links may lead; what does not is never read.
    """
    files = [run.products[product] for run in record.runs.values() if product in run.products]
    path = (folder / files[-1]).resolve() if files else None
    inside = path is not None and path.is_relative_to(folder.resolve())
    return path if inside and path is not None and path.is_file() else None


def find_pixels(folder: Path, record: ImageRecord, product: str) -> Path | None:
    """Return the file of a product, or the recording itself where that is the product."""
    made = find_product(folder, record, product)
    if made is not None or any(product in run.products for run in record.runs.values()):
        return made
    if product != record.image.root_product or product != "micrograph":
        return None
    path = folder / record.image.root_file
    return path if path.is_file() else None
