"""Where images were recorded, and the overviews of the grid: an index for the map.

Both repeat what images' parameter files and the microscope's files say, so that 100,000 of them
can be shown without opening any.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.model.position import Position
from cryobatch.store.database import Reading, Transaction
from cryobatch.store.text import storable

_PUT = """
    INSERT INTO position (image_id, square, hole, stage_x, stage_y, hole_x, hole_y, shift_x,
        shift_y, width, height)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (image_id) DO UPDATE SET square = excluded.square, hole = excluded.hole,
        stage_x = excluded.stage_x, stage_y = excluded.stage_y, hole_x = excluded.hole_x,
        hole_y = excluded.hole_y, shift_x = excluded.shift_x, shift_y = excluded.shift_y,
        width = excluded.width, height = excluded.height
"""

_PUT_OVERVIEW = """
    INSERT INTO overview (kind, name, source, picture, x, y, right_x, right_y, down_x, down_y,
        columns, rows, recorded_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source) DO UPDATE SET picture = excluded.picture, x = excluded.x, y = excluded.y,
        right_x = excluded.right_x, right_y = excluded.right_y, down_x = excluded.down_x,
        down_y = excluded.down_y, columns = excluded.columns, rows = excluded.rows,
        recorded_at = excluded.recorded_at
"""


NUMBERS = ("stage_x", "stage_y", "hole_x", "hole_y", "shift_x", "shift_y", "width", "height")
"""Columns of a listing that are numbers, or None where nothing is known; µm."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Positions as columns, all equally long: objects would take five times as long.

    Args:
        ids: Images.
        groups: Their groups.
        squares: Names of their grid squares.
        holes: Names of their holes.
        numbers: The columns of ``NUMBERS`` by name.
    """

    ids: list[int]
    groups: list[str]
    squares: list[str | None]
    holes: list[str | None]
    numbers: Mapping[str, list[float | None]]


def put(t: Transaction, positions: Mapping[int, Position]) -> None:
    """Note where images were recorded, in place of what was noted before."""
    rows = ((one, *_row(position)) for one, position in positions.items())
    t.executemany(_PUT, rows)


def unknown(r: Reading, limit: int) -> tuple[list[int], int]:
    """Return images of which nothing has been noted, at most so many, and how many there are."""
    condition = "FROM image WHERE trashed = 0 AND id NOT IN (SELECT image_id FROM position)"
    rows = r.execute(f"SELECT id {condition} ORDER BY id LIMIT ?", (limit,))
    found = [int(row[0]) for row in rows]
    count = r.execute(f"SELECT count(*) {condition}").fetchone()[0]
    return found, int(count)


def listing(r: Reading) -> Listing:
    """Return where all images are that are not in the trash, in order of their ids."""
    found = r.execute(
        f"SELECT image.id, image.grp, position.square, position.hole, {', '.join(NUMBERS)} "  # noqa: S608
        "FROM image JOIN position ON position.image_id = image.id WHERE image.trashed = 0 "
        "ORDER BY image.id"
    ).fetchall()
    parts = [list(part) for part in zip(*found, strict=True)] or [[] for _ in range(4)]
    numbers = dict(zip(NUMBERS, parts[4:] or [[] for _ in NUMBERS], strict=True))
    return Listing(parts[0], parts[1], parts[2], parts[3], numbers)


def put_overviews(t: Transaction, overviews: Iterable[Overview]) -> None:
    """Note overviews, in place of what was noted of the same file before."""
    t.executemany(_PUT_OVERVIEW, (_overview_row(one) for one in overviews))


def overviews(r: Reading, only: int | None = None) -> dict[int, Overview]:
    """Return all overviews by id, or only one; of several of a place the latest comes last."""
    rows = r.execute(
        "SELECT id, kind, name, source, picture, x, y, right_x, right_y, down_x, down_y, columns, "
        "rows, recorded_at FROM overview WHERE ?1 IS NULL OR id = ?1 "
        "ORDER BY coalesce(recorded_at, ''), id",
        (only,),
    )
    return {row[0]: _read_overview(tuple(row)[1:]) for row in rows}


def _row(position: Position) -> tuple[object, ...]:
    flat = [number for at in (position.stage, position.hole_at) for number in at or (None, None)]
    return position.square, position.hole, *flat, *position.shift, *position.size


def _overview_row(one: Overview) -> tuple[object, ...]:
    picture = None if one.picture is None else storable(one.picture)
    return (one.kind.value, one.name, storable(one.source), picture, one.x, one.y, *one.right,
            *one.down, one.columns, one.rows, one.recorded_at)  # fmt: skip


def _read_overview(row: Sequence[object]) -> Overview:
    kind, name, source, picture, *rest = row
    x, y, right_x, right_y, down_x, down_y = (float(str(one)) for one in rest[:6])
    recorded_at = None if rest[8] is None else str(rest[8])
    return Overview(
        OverviewKind(str(kind)), str(name), str(source), None if picture is None else str(picture),
        x, y, (right_x, right_y), (down_x, down_y), int(str(rest[6])), int(str(rest[7])),
        recorded_at,
    )  # fmt: skip
