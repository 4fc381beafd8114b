"""Overviews: pictures of the grid at low magnification, and where on the stage they lie."""

from dataclasses import dataclass
from enum import StrEnum


class OverviewKind(StrEnum):
    """What an overview shows."""

    ATLAS = "atlas"
    TILE = "tile"
    SQUARE = "square"
    HOLE = "hole"


@dataclass(frozen=True, slots=True)
class Overview:
    """A picture of the grid.

    A pixel that lies ``dx`` pixels to the right of the picture's centre and ``dy`` below it is at
    stage position ``(x + dx * right[0] + dy * down[0], y + dx * right[1] + dy * down[1])``.

    Args:
        kind: What it shows.
        name: Number of its square, or of square and hole (``1/2``); of an atlas or a tile its own.
        source: Path of the file that describes it.
        picture: Path of a JPEG that shows all of it, None where there is none.
        x: Stage position x of its centre, µm.
        y: Stage position y of its centre, µm.
        right: Step on the stage of one pixel to the right, µm.
        down: Step on the stage of one pixel downwards, µm.
        columns: Width in pixels (not of the JPEG, which may be smaller).
        rows: Height in pixels.
        recorded_at: ISO 8601, None when unknown.
    """

    kind: OverviewKind
    name: str
    source: str
    picture: str | None
    x: float
    y: float
    right: tuple[float, float]
    down: tuple[float, float]
    columns: int
    rows: int
    recorded_at: str | None = None
