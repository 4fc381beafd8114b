"""What is due for a copy is what has results that are not as they were when they were copied."""

from cryobatch.model.index import IndexEntry
from cryobatch.store import copies, library, moving
from cryobatch.store.database import Database
from tests.store.store_images import MakeImages


def index(database: Database, image: int, comment: str = "") -> None:
    """Let the library know something of an image."""
    entry = IndexEntry(values={}, absences={}, flag=None, comment=comment, trashed=False, stale=())
    with database.transaction() as t:
        library.index(t, image, entry)


def due(database: Database, orders: str = "there", **options: object) -> list[int]:
    """Return the images that are due."""
    with database.reading() as r:
        found = copies.due_images(r, orders, limit=10, **options)  # type: ignore[arg-type]  # passed on
    return [image.id for image in found]


def copy_due(database: Database, orders: str = "there") -> None:
    """Note all that is due as copied."""
    with database.transaction() as t:
        for image in copies.due_images(t, orders, limit=10):
            copies.note_copied(t, image, orders, files=2, size_bytes=100, now=7.0)


def test_images_are_due_when_something_of_them_has_changed(
    database: Database, images: MakeImages
) -> None:
    """Not before they have results; by other orders all are due again."""
    images(3)
    assert due(database) == []
    for image in (1, 2):
        index(database, image)
    assert due(database) == [1, 2]
    assert due(database, but=[1]) == [2]
    copy_due(database)
    assert due(database) == []
    assert due(database, "elsewhere") == [1, 2]
    index(database, 2, "thick ice")
    assert due(database) == [2]
    assert due(database, ended_since=0.0) == []


def test_a_trouble_is_kept_until_the_image_was_copied(
    database: Database, images: MakeImages
) -> None:
    """It is news once; what was copied is counted."""
    images(2)
    for image in (1, 2):
        index(database, image)
    with database.transaction() as t:
        first, _ = copies.due_images(t, "there", limit=10)
        assert copies.note_trouble(t, first, "there", "no permission", 1.0)
        assert not copies.note_trouble(t, first, "there", "no permission", 2.0)
    with database.reading() as r:
        assert copies.troubles(r, 10) == [(1, "square", "image_1", "no permission")]
        assert copies.count_copies(r, "there").due == 2
    copy_due(database)
    with database.reading() as r:
        assert copies.troubles(r, 10) == []
        assert copies.count_copies(r, "there") == copies.CopyCounts(2, 0, 4, 200, 7.0)
    with database.transaction() as t:
        copies.forget(t)
    assert due(database) == [1, 2]


def test_images_that_were_moved_are_due(database: Database, images: MakeImages) -> None:
    """Their place there is another one, also where they come into a new group in the same order."""
    images(3)
    for image in (1, 2, 3):
        index(database, image)
    copy_due(database)
    with database.transaction() as t:
        for image in (1, 2, 3):
            moving.move(t, image, "hexagon")
    assert due(database) == [1, 2, 3]
