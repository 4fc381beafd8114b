"""A person can bring what waits into any order."""

import pytest

from cryobatch.errors import UsageError
from cryobatch.store import queue
from cryobatch.store.database import Database
from tests.store.store_images import MakeImages, fill, waiting


@pytest.mark.parametrize(
    ("operation", "chosen", "expected"),
    [
        ("to_top", (4, 2), [2, 4, 1, 3, 5]),
        ("to_bottom", (4, 2), [1, 3, 5, 2, 4]),
        ("up", (3,), [1, 3, 2, 4, 5]),
        ("up", (1, 2, 4), [1, 2, 4, 3, 5]),
        ("up", (3, 4), [1, 3, 4, 2, 5]),
        ("down", (3,), [1, 2, 4, 3, 5]),
        ("down", (5, 4, 2), [1, 3, 2, 4, 5]),
        ("down", (2, 3), [1, 4, 2, 3, 5]),
    ],
)
def test_moves(
    database: Database, images: MakeImages, operation: str, chosen: tuple[int, ...],
    expected: list[int],
) -> None:  # fmt: skip
    """Batches move as a list's entries do, and keep their order among themselves."""
    fill(database, images(5))
    with database.transaction() as t:
        moved = getattr(queue, operation)(t, chosen)
    assert waiting(database) == expected
    assert moved.moved == tuple(sorted(chosen))
    assert moved.not_waiting == ()


@pytest.mark.parametrize(
    ("place", "expected"),
    [(1, [3, 5, 1, 2, 4]), (2, [1, 3, 5, 2, 4]), (3, [1, 2, 3, 5, 4]), (4, [1, 2, 4, 3, 5]),
     (99, [1, 2, 4, 3, 5])],
)  # fmt: skip
def test_moving_to_a_place(
    database: Database, images: MakeImages, place: int, expected: list[int]
) -> None:
    """The first of the moved batches stands at the place afterwards, the others behind it."""
    fill(database, images(5))
    with database.transaction() as t:
        queue.move_to(t, [5, 3], place)
    assert waiting(database) == expected


def test_places_are_counted_from_one(database: Database, images: MakeImages) -> None:
    """Place 0 is nobody's place."""
    fill(database, images(2))
    with pytest.raises(UsageError, match="from 1"), database.transaction() as t:
        queue.move_to(t, [2], 0)


@pytest.mark.parametrize("operation", ["to_top", "to_bottom", "up", "down"])
def test_what_does_not_wait_is_reported(
    database: Database, images: MakeImages, operation: str
) -> None:
    """Running, ended and unknown batches stay where they are, and are named."""
    fill(database, images(3))
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        queue.remove(t, [2], 2.0)
        moved = getattr(queue, operation)(t, [1, 2, 3, 99])
    assert moved.moved == (3,)
    assert moved.not_waiting == (1, 2, 99)


def test_there_is_always_room_between_two_batches(database: Database, images: MakeImages) -> None:
    """Moving behind the first one again and again never runs out of places."""
    ids = list(fill(database, images(60)))
    expected = list(ids)
    for turn in range(400):
        one = expected[-1 - turn % 50]
        with database.transaction() as t:
            queue.move_to(t, [one], 2)
        expected.remove(one)
        expected.insert(1, one)
    assert waiting(database) == expected
