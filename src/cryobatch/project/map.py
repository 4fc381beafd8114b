"""The map: images, squares and overviews at their places on the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray
from cryobatch.imaging.clusters import find_clusters
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.model.position import Point, Position
from cryobatch.project.images import Images
from cryobatch.project.positions import read_unknown
from cryobatch.store import positions

NEIGHBOURS_UM = 20.0
"""Images of one square are nearer to each other than this; the bars between squares are wider."""
LEAST_SHIFTS = 6
LEAST_SPREAD_UM = 1.5
"""Of beam shifts in every direction, to tell how they are turned: one hole's shots do not."""
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
    """Return the map; about half a second with 100,000 images."""
    unread = read_unknown(images)
    with images.database.reading() as r:
        listed = positions.listing(r)
        overviews = positions.overviews(r)
    placed = [one for one in listed if one[2].hole_at or one[2].stage]
    known = [position for _, _, position in placed]
    holes = _number_holes(known)
    places, exact = place_images(known, holes)
    square_of, squares = _find_squares(placed, places)
    return GridMap(
        [one for one, _, _ in placed], places,
        np.array([one.size for one in known], np.float64).reshape(-1, 2),
        holes, square_of, squares, choose_overviews(overviews), exact,
        len(listed) - len(placed), unread,
    )  # fmt: skip


def _number_holes(known: Sequence[Position]) -> list[int]:
    numbers: dict[tuple[str | None, str], int] = {}
    return [
        -1 if one.hole is None else numbers.setdefault((one.square, one.hole), len(numbers))
        for one in known
    ]


def place_images(known: Sequence[Position], holes: Sequence[int]) -> tuple[FloatArray, bool]:
    """Return where images are: the stage's place, moved by the shift of the beam.

    The beam's axes are turned against the stage's. Where EPU has listed the holes, the shifts that
    led from the stage's place to them tell how; else the shifts are taken as they are.

    Args:
        known: Positions with a stage or hole.
        holes: Number of each one's hole, -1 where it has none.

    Returns:
        ``(images, 2)`` in µm, and whether the directions are known.
    """
    if not known:
        return np.zeros((0, 2)), True
    shifts = np.array([one.shift for one in known], np.float64)
    stage = np.array([one.stage or one.hole_at or (0.0, 0.0) for one in known], np.float64)
    at = np.array([one.hole_at or (np.nan, np.nan) for one in known], np.float64)
    turn = _find_turn(known, _means(shifts, holes), at - stage)
    exact = turn is not None or bool(np.ptp(shifts, axis=0).max() < 1e-3)
    moved = shifts if turn is None else shifts @ turn
    if turn is not None:
        return stage + moved, exact
    # Without it only what differs within a hole is sure to be small.
    within = moved - _means(moved, holes)
    listed = np.isfinite(at[:, 0])
    return np.where(listed[:, None], at + within, stage + moved), exact


def _find_turn(
    known: Sequence[Position], shifts: FloatArray, steps: FloatArray
) -> FloatArray | None:
    """Return ``(2, 2)`` that leads from shifts to steps on the stage, None where nothing tells.

    Args:
        known: The positions.
        shifts: ``(images, 2)``, of each image's hole: the shots of a hole lie around it.
        steps: ``(images, 2)`` from the stage's place to the hole.
    """
    told = np.array([one.hole_at is not None and one.stage is not None for one in known])
    if np.count_nonzero(told) < LEAST_SHIFTS:
        return None
    shifts, steps = shifts[told], steps[told]
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
    placed: Sequence[tuple[int, str, Position]], places: FloatArray
) -> tuple[list[int], list[Square]]:
    """Return the square of each image, and the squares: named ones, then clusters."""
    names = [(group, one.square) if one.square else None for _, group, one in placed]
    unnamed = np.array([name is None for name in names], bool)
    keys: list[tuple[str, str | None] | int] = [name or 0 for name in names]
    clusters = find_clusters(places[unnamed], NEIGHBOURS_UM)
    for image, cluster in zip(np.flatnonzero(unnamed), clusters, strict=True):
        keys[int(image)] = int(cluster)
    numbers: dict[tuple[str, str | None] | int, int] = {}
    square_of = [numbers.setdefault(key, len(numbers)) for key in keys]
    order = np.array(square_of, np.intp)
    squares = []
    for key, number in numbers.items():
        inside = np.flatnonzero(order == number)
        groups = {placed[int(image)][1] for image in inside}
        name = str(key + 1) if isinstance(key, int) else str(key[1])
        squares.append(_square(name, groups, places[inside]))
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
