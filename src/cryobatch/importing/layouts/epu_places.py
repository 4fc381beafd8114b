"""Find where on the stage EPU's squares and holes are, and the pictures that it took of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.epu import read_epu
from cryobatch.formats.epu_overview import EpuOverview, read_epu_overview
from cryobatch.formats.epu_session import EpuHole, read_square_holes
from cryobatch.importing.layouts.epu_alignment import align
from cryobatch.importing.layouts.epu_atlas import EpuAtlases
from cryobatch.importing.layouts.layout import parse_place
from cryobatch.importing.layouts.paths_by_key import PathsByKey
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.model.position import Point

SESSION_FOLDER = "Metadata"
"""Of an EPU session, beside its folders of images: what EPU knows of each square."""


@dataclass(slots=True)
class _Square:
    """What a square's session file said when it was read last."""

    modified_ns: int
    holes: Mapping[str, EpuHole]


class EpuPlaces:
    """EPU's pictures of squares and holes by what they show; one is read when it is asked for."""

    def __init__(self) -> None:
        """Begin empty."""
        self._paths = PathsByKey()
        self._atlases = EpuAtlases()
        self._points: dict[str, Point] = {}
        self._overviews: dict[str, Overview] = {}
        self._squares: dict[str, _Square] = {}

    def add(self, path: Path) -> None:
        """Take note of an XML file; what describes no picture of the grid is left alone."""
        place = parse_place(path)
        if place is not None:
            self._paths.add(place, path)
        else:
            self._atlases.add(path)

    def square_at(self, square: str) -> Point | None:
        """Return where the stage stood for a square's picture, None where that is not known."""
        return self._last_point(self._paths.get(square))

    def hole_at(self, square: str, hole: str) -> Point | None:
        """Return where a hole is, None where that is not known.

        EPU's own list of a square's holes goes first: it has them all, and in the frame of the
        square's picture; of a cluster of holes that the beam is shifted to, only one has a picture.
        """
        listed = self._holes(square, hole).get(hole)
        return listed.stage if listed else self._last_point(self._paths.get(f"{square}/{hole}"))

    def overviews_of(self, square: str, hole: str) -> tuple[Overview, ...]:
        """Return the latest pictures of a square and a hole, and those of the atlas."""
        found = [
            self._last_overview(OverviewKind.SQUARE, square),
            self._last_overview(OverviewKind.HOLE, f"{square}/{hole}"),
        ]
        session = self._session(square)
        atlas = self._atlases.find(session) if session is not None else ()
        return (*atlas, *(one for one in found if one is not None))

    def _last_point(self, files: Iterable[Path]) -> Point | None:
        """Return the stage position of the last image that has one: later ones are corrected."""
        for path in _latest_first(files):
            point = self._points.get(str(path)) or _read_point(path)
            if point is not None:
                self._points[str(path)] = point
                return point
        return None

    def _last_overview(self, kind: OverviewKind, key: str) -> Overview | None:
        for path in _latest_first(self._paths.get(key)):
            known = self._overviews.get(str(path))
            if known is not None:
                return known
            try:
                found = read_epu_overview(path)
            except BadInput:
                continue  # written at this moment, or not at all
            if kind is OverviewKind.SQUARE:
                found = align(found, self._holes(key).values())
            made = make_overview(kind, key.removeprefix("GridSquare_"), path, found)
            self._overviews[str(path)] = made
            return made
        return None

    def _session(self, square: str) -> Path | None:
        """Return the session's folder: it holds the folders of images that hold the squares."""
        files = self._paths.get(square)
        folder = (
            next((one for one in files[0].parents if one.name == square), None) if files else None
        )
        return folder.parent.parent if folder is not None else None

    def _holes(self, square: str, wanted: str = "") -> Mapping[str, EpuHole]:
        """Return EPU's list of a square's holes, read again when it has grown."""
        session = self._session(square)
        known = self._squares.get(square)
        if session is None or (known is not None and (not wanted or wanted in known.holes)):
            return known.holes if known is not None else {}
        path = session / SESSION_FOLDER / f"{square}.dm"
        try:
            modified = path.stat().st_mtime_ns
            if known is None or known.modified_ns != modified:
                known = self._squares[square] = _Square(modified, read_square_holes(path))
        except (OSError, BadInput):
            pass  # there is none, or it is written at this moment
        return known.holes if known is not None else {}


def make_overview(kind: OverviewKind, name: str, xml: Path, found: EpuOverview) -> Overview:
    """Return the overview that an XML describes; its JPEG lies beside it."""
    picture = xml.with_suffix(".jpg")
    return Overview(
        kind, name, str(xml), str(picture) if picture.is_file() else None, found.x, found.y,
        found.right, found.down, found.columns, found.rows, found.recorded_at,
    )  # fmt: skip


def _latest_first(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda path: (path.name, str(path)), reverse=True)


def _read_point(path: Path) -> Point | None:
    try:
        facts = read_epu(path).facts
    except BadInput:
        return None  # written at this moment, or not at all: a map can do without
    x, y = facts.get("stage_x"), facts.get("stage_y")
    return (float(x), float(y)) if x is not None and y is not None else None
