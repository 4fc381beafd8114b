"""The map: images, squares and overviews at their places on the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.clusters import find_clusters
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.model.position import Point
from cryobatch.project.images import Images
from cryobatch.project.positions import read_unknown
from cryobatch.store import positions

NEIGHBOURS_UM = 20.0
"""Images of one square are nearer to each other than this; the bars between squares are wider."""
LEAST_SHIFTS = 6
LEAST_SPREAD_UM = 1.5
"""Of beam shifts in every direction, to tell how they are turned: one hole's shots do not."""
LEAST_SHIFT_UM = 1e-3
MOST_RESIDUAL_UM = 0.5
"""Of holes against where the beam's shift puts them: less than half their distance."""


@dataclass(frozen=True, slots=True)
class Square:
    """A grid square, or a cluster of images where nothing names the squares.

    Args:
        name: Its number.
        group: The group of its images, None where they are of several.
        at: Middle of its images, µm.
        size: Width and height of what they cover, µm.
        images: How many there are.
    """

    name: str
    group: str | None
    at: Point
    size: Point
    images: int


@dataclass(frozen=True, slots=True)
class GridMap:
    """All that a map of the grid shows.

    Args:
        ids: Images that have a place.
        places: ``(images, 2)`` x and y in µm, y upwards.
        sizes: ``(images, 2)`` width and height of what each shows, µm; 0: unknown.
        holes: Number of each image's hole among those of the map, -1: none is named.
        square_of: Place of each image's square in ``squares``.
        squares: The squares.
        overviews: Pictures of the grid by id.
        exact: Whether the directions of beam shifts are known: else shots of a hole, and holes of
            a cluster, stand in the right number and distance but perhaps turned.
        without: Images of which nobody knows where they were recorded.
        unread: Images whose place has not been looked up yet.
    """

    ids: Sequence[int]
    places: FloatArray
    sizes: FloatArray
    holes: Sequence[int]
    square_of: Sequence[int]
    squares: Sequence[Square]
    overviews: Mapping[int, Overview]
    exact: bool
    without: int
    unread: int


def draw_map(images: Images) -> GridMap:
    """Return the map; half a second of a core with 100,000 images."""
    unread = read_unknown(images)
    with images.database.reading() as r:
        listed = positions.listing(r)
        overviews = positions.overviews(r)
    stage, hole, shift, size = (
        _points(listed, *names)
        for names in (("stage_x", "stage_y"), ("hole_x", "hole_y"), ("shift_x", "shift_y"),
                      ("width", "height"))
    )  # fmt: skip
    seen = np.flatnonzero(np.isfinite(stage[:, 0]) | np.isfinite(hole[:, 0]))
    squares = [listed.squares[one] for one in seen]
    holes = _number_holes(squares, [listed.holes[one] for one in seen])
    places, exact = place_images(stage[seen], hole[seen], shift[seen], holes)
    groups = [listed.groups[one] for one in seen]
    square_of, found = _find_squares(squares, groups, places)
    return GridMap(
        [listed.ids[one] for one in seen], places, size[seen], holes, square_of, found,
        choose_overviews(overviews), exact, len(listed.ids) - len(seen), unread,
    )  # fmt: skip


def _points(listed: positions.Listing, x: str, y: str) -> FloatArray:
    """Return ``(images, 2)``; NaN where nothing is known."""
    return np.array([listed.numbers[x], listed.numbers[y]], np.float64).reshape(2, -1).T


def _number_holes(squares: Sequence[str | None], holes: Sequence[str | None]) -> list[int]:
    numbers: dict[tuple[str | None, str], int] = {}
    return [
        -1 if hole is None else numbers.setdefault((square, hole), len(numbers))
        for square, hole in zip(squares, holes, strict=True)
    ]


def place_images(
    stage: FloatArray, hole_at: FloatArray, shifts: FloatArray, holes: Sequence[int]
) -> tuple[FloatArray, bool]:
    """Return where images are: the stage's place, moved by the shift of the beam.

    The beam's axes are turned against the stage's. Where EPU has listed the holes, the shifts that
    led from the stage's place to them tell how; else the shifts are taken as they are.

    Args:
        stage: ``(images, 2)`` in µm; NaN where it is not known.
        hole_at: The same, of each image's hole; an image has one of both.
        shifts: The same, along the beam's axes.
        holes: Number of each one's hole, -1 where it has none.

    Returns:
        ``(images, 2)`` in µm, and whether the directions are known.
    """
    if not len(stage):
        return np.zeros((0, 2)), True
    told = np.isfinite(stage[:, 0]) & np.isfinite(hole_at[:, 0])
    of_holes = _means(shifts, holes)
    turn = _find_turn(of_holes[told], (hole_at - stage)[told])
    begin = np.where(np.isfinite(stage), stage, hole_at)
    if turn is not None:
        return begin + shifts @ turn, True
    # Without it only what differs within a hole is sure to be small.
    listed = np.isfinite(hole_at)
    moved = np.where(listed, hole_at + shifts - of_holes, begin + shifts)
    return moved, bool(np.ptp(shifts, axis=0).max() < LEAST_SHIFT_UM)


def _find_turn(shifts: FloatArray, steps: FloatArray) -> FloatArray | None:
    """Return ``(2, 2)`` that leads from shifts to steps on the stage, None where nothing tells.

    Args:
        shifts: ``(images, 2)``, of each image's hole: the shots of a hole lie around it.
        steps: ``(images, 2)`` from the stage's place to the hole.
    """
    if len(shifts) < LEAST_SHIFTS:
        return None
    shifts, steps = shifts - shifts.mean(axis=0), steps - steps.mean(axis=0)
    spread = np.linalg.svd(shifts, compute_uv=False) / np.sqrt(len(shifts))
    if spread.min() < LEAST_SPREAD_UM:
        return None  # the stage goes to every hole, or the beam along one line only
    turn = np.linalg.lstsq(shifts, steps, rcond=None)[0].astype(np.float64)
    residual = np.median(np.hypot(*(shifts @ turn - steps).T))
    return turn if residual <= MOST_RESIDUAL_UM else None


def _means(values: FloatArray, holes: Sequence[int]) -> FloatArray:
    """Return the mean of each image's hole; an image without a hole is its own."""
    numbers = np.array(holes) + 1
    counts = np.maximum(np.bincount(numbers), 1)
    sums = [np.bincount(numbers, values[:, axis]) / counts for axis in (0, 1)]
    means = np.column_stack(sums)[numbers]
    return np.where((numbers == 0)[:, None], values, means)


def _find_squares(
    names: Sequence[str | None], groups: Sequence[str], places: FloatArray
) -> tuple[list[int], list[Square]]:
    """Return the square of each image, and the squares: named ones, or clusters of places."""
    unnamed = np.array([name is None for name in names], bool)
    keys: list[tuple[str, str] | int] = [
        (group, name or "") for group, name in zip(groups, names, strict=True)
    ]
    clusters = find_clusters(places[unnamed], NEIGHBOURS_UM)
    for image, cluster in zip(np.flatnonzero(unnamed), clusters, strict=True):
        keys[int(image)] = int(cluster)
    numbers: dict[tuple[str, str] | int, int] = {}
    square_of = [numbers.setdefault(key, len(numbers)) for key in keys]
    order = np.argsort(square_of, kind="stable")
    ends = np.cumsum(np.bincount(square_of, minlength=len(numbers)))[:-1]
    squares = []
    for key, inside in zip(numbers, np.split(order, ends), strict=False):
        own = {groups[int(image)] for image in inside}
        name = str(key + 1) if isinstance(key, int) else key[1]
        squares.append(_square(name, own, places[inside]))
    return square_of, squares


def _square(name: str, groups: set[str], places: FloatArray) -> Square:
    low, high = places.min(axis=0), places.max(axis=0)
    middle, size = (low + high) / 2.0, high - low
    return Square(
        name, groups.pop() if len(groups) == 1 else None,
        (float(middle[0]), float(middle[1])), (float(size[0]), float(size[1])), len(places),
    )  # fmt: skip


def choose_overviews(found: Mapping[int, Overview]) -> dict[int, Overview]:
    """Return the latest overview of each place; tiles only while there is no atlas.

    Args:
        found: Overviews by id, of one place the latest last.
    """
    latest = {(one.kind, one.name): number for number, one in found.items()}
    kinds = {kind for kind, _ in latest}
    kept = {
        number
        for (kind, _), number in latest.items()
        if kind is not OverviewKind.TILE or OverviewKind.ATLAS not in kinds
    }
    return {number: one for number, one in found.items() if number in kept and one.picture}


def find_overview(images: Images, overview_id: int) -> Overview | None:
    """Return an overview by its id, None where there is none."""
    with images.database.reading() as r:
        return positions.overviews(r, overview_id).get(overview_id)
