"""Copies: which images' results were copied to another place, and which have changed since."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cryobatch.store.database import Reading, Transaction
from cryobatch.store.text import storable

COPY_STATUS = "copy_status"
COPY_REQUESTS = "copy_requests"
COPY_PLACES = "copy_places"
"""Settings: what the daemon says, how often a person asked, and places that were begun."""

_ENDED = """(SELECT max(finished_at) FROM batch
    WHERE batch.image_id = image.id AND batch.state IN ('done', 'failed'))"""

_DUE = f"""
    FROM image LEFT JOIN central_copy AS copy ON copy.image_id = image.id
    WHERE image.indexed > 0 AND image.trashed = 0
    AND (copy.image_id IS NULL OR copy.trouble != '' OR copy.orders != :orders
         OR copy.indexed != image.indexed OR copy.ended_at IS NOT {_ENDED})
    AND NOT EXISTS (
        SELECT 1 FROM batch WHERE batch.image_id = image.id AND batch.state = 'running')
"""  # noqa: S608 - our own words

_RECENT = "SELECT image_id FROM batch WHERE state IN ('done', 'failed') AND finished_at >= :since"


@dataclass(frozen=True, slots=True)
class DueImage:
    """An image whose results are to be copied.

    Args:
        id: Its number.
        group: Its group.
        name: Its name.
        indexed: Changes with what the library knows of it.
        ended_at: When its last batch ended, seconds since the epoch; None: nobody knows.
    """

    id: int
    group: str
    name: str
    indexed: int
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class CopyCounts:
    """What has been copied.

    Args:
        images: Images that were copied.
        due: Images that are to be copied.
        files: Files of those that were copied.
        bytes: Their size.
        copied_at: When the last one was copied, seconds since the epoch; None: none was.
    """

    images: int
    due: int
    files: int
    bytes: int
    copied_at: float | None


def due_images(
    r: Reading,
    orders: str,
    *,
    limit: int,
    but: Collection[int] = (),
    ended_since: float | None = None,
) -> list[DueImage]:
    """Return images with results that are not, or not any more, as they were copied.

    Images with a running batch are left out: they are due when it has ended.

    Args:
        r: The reading.
        orders: What is copied and where to; what was copied by other orders is due.
        limit: How many at most.
        but: Not these.
        ended_since: Only images with a batch that has ended since then, which are found at once;
            None: all, which takes some 2 s for a million.
    """
    recent = "" if ended_since is None else f"AND image.id IN ({_RECENT})"
    rows = r.execute(
        f"SELECT image.id, image.grp, image.name, image.indexed, {_ENDED} {_DUE} {recent} "  # noqa: S608
        "AND image.id NOT IN (SELECT value FROM json_each(:but)) ORDER BY image.id LIMIT :limit",
        {"orders": orders, "but": json.dumps([*but]), "limit": limit, "since": ended_since},
    )
    return [DueImage(*row) for row in rows]


def note_copied(
    t: Transaction, image: DueImage, orders: str, *, files: int, size_bytes: int, now: float
) -> None:
    """Note that an image was copied as it was when it became due."""
    t.execute(
        "INSERT OR REPLACE INTO central_copy VALUES (?, ?, ?, ?, ?, ?, ?, '')",
        (image.id, orders, image.indexed, image.ended_at, files, size_bytes, now),
    )


def note_trouble(t: Transaction, image: DueImage, orders: str, text: str, now: float) -> bool:
    """Note why an image could not be copied; returns whether that is news."""
    changed = t.execute(
        "INSERT INTO central_copy VALUES (?1, ?2, 0, NULL, 0, 0, ?3, ?4) ON CONFLICT (image_id) "
        "DO UPDATE SET trouble = excluded.trouble WHERE trouble != excluded.trouble",
        (image.id, orders, now, storable(text)),
    )
    return changed.rowcount == 1


def forget(t: Transaction) -> None:
    """Have everything be due again."""
    t.execute("DELETE FROM central_copy")


def count_copies(r: Reading, orders: str) -> CopyCounts:
    """Return how much was copied by some orders, and what is due."""
    images, files, size, last = r.execute(
        "SELECT count(*), coalesce(sum(files), 0), coalesce(sum(bytes), 0), max(copied_at) "
        "FROM central_copy WHERE orders = ? AND files > 0",
        (orders,),
    ).fetchone()
    due = r.execute(f"SELECT count(*) {_DUE}", {"orders": orders}).fetchone()[0]
    return CopyCounts(images, due, files, size, last)


def troubles(r: Reading, limit: int) -> list[tuple[int, str, str, str]]:
    """Return id, group, name and trouble of images that could not be copied."""
    rows: Iterable[tuple[int, str, str, str]] = r.execute(
        "SELECT image.id, image.grp, image.name, copy.trouble FROM central_copy AS copy "
        "JOIN image ON image.id = copy.image_id WHERE copy.trouble != '' AND image.trashed = 0 "
        "ORDER BY image.id LIMIT ?",
        (limit,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
