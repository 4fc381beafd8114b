"""What the images of a group have in common."""

import json
from collections.abc import Collection

from cryobatch.store.database import Reading

RECENT = 99


def recent_frames(r: Reading, group: str) -> list[int]:
    """Return the numbers of frames of a group's latest movies."""
    rows = r.execute(
        "SELECT frames FROM image WHERE grp = ? AND root_product = 'movie' "
        "ORDER BY indexed DESC LIMIT ?",
        (group, RECENT),
    )
    return [int(row[0]) for row in rows]


def undated_images(r: Reading, ids: Collection[int]) -> set[int]:
    """Return those of some images of which it is not known when they were recorded."""
    rows = r.execute(
        "SELECT id FROM image WHERE recorded_at IS NULL AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {int(row[0]) for row in rows}
