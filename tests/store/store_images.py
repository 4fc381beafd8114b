"""Images and batches for the store's tests."""

from collections.abc import Callable

from cryobatch.model import BatchState, ImageIdentity
from cryobatch.store import queue
from cryobatch.store.database import Database
from cryobatch.store.queue import Submission

MakeImages = Callable[[int], list[int]]
FIT = ("fit_ctf",)


def identity(number: int, group: str = "square") -> ImageIdentity:
    """Return an image of a number."""
    return ImageIdentity(
        id=number,
        name=f"image_{number}",
        group=group,
        root_product="movie",
        root_file="movie.mrc",
        source=f"/microscope/image_{number}.mrc",
        source_id=f"recording {number}",
        rows=64,
        columns=64,
        frames=8,
        imported_at="2026-01-01T00:00:00Z",
    )


def fill(database: Database, images: list[int], *, top: bool = False) -> tuple[int, ...]:
    """Submit one batch an image and return their ids."""
    with database.transaction() as t:
        return queue.submit(t, [Submission(one, FIT) for one in images], top=top, now=1.0).ids


def waiting(database: Database) -> list[int]:
    """Return the ids of what waits, in queue order."""
    with database.reading() as r:
        rows = queue.listing(r, states=(BatchState.WAITING,))
    return [row.batch.id for row in rows]
