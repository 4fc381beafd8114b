"""What the images of a group have in common."""

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
