"""What the tables hold of images' groups, and how that changes when an image is moved."""

import json
from collections.abc import Collection

from cryobatch.store.database import Reading, Transaction


def busy(r: Reading, ids: Collection[int]) -> set[int]:
    """Return those of some images that a batch runs on."""
    found = r.execute(
        "SELECT image_id FROM batch WHERE state = 'running' "
        "AND image_id IN (SELECT value FROM json_each(?))",
        (json.dumps([*ids]),),
    )
    return {row[0] for row in found}


def move(t: Transaction, image_id: int, group: str) -> None:
    """Say that an image belongs to another group; its batches that wait stand in that one's line.

    Who watches hears of it in the new group, and a copy of it is made anew: an image's ``indexed``
    is never again what it was. Done twice, it is as if done once.
    """
    t.execute(
        "UPDATE image SET grp = ?1, indexed = 1 + max(indexed, coalesce("
        "(SELECT max(other.indexed) FROM image AS other WHERE other.grp = ?1), 0)) "
        "WHERE id = ?2 AND grp != ?1",
        (group, image_id),
    )
    t.execute(
        "UPDATE batch SET line = ? WHERE image_id = ? AND state = 'waiting' AND line IS NOT NULL",
        (group, image_id),
    )
