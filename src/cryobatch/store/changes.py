"""Changes: what is different from a moment ago, found without reading the tables again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryobatch.store import log
from cryobatch.store.database import Reading


@dataclass(frozen=True, slots=True)
class Marks:
    """Where the tables stand.

    Args:
        log: Id of the newest row of the log.
        images: How often images of each group have been indexed.
        image_count: Largest id of an image.
        queue: Differs when the first batches that wait, or those that run, do.
        processors: Differs when what the processors do does.
        settings: Differs when settings such as the pause, or watched folders, do.
    """

    log: int
    images: Mapping[str, int]
    image_count: int
    queue: str
    processors: str
    settings: str


def read_marks(r: Reading) -> Marks:
    """Return where the tables stand; some ten thousandths of a second, at any size."""
    groups = r.execute("SELECT DISTINCT grp FROM image").fetchall()
    return Marks(
        log=log.last_id(r),
        images={row[0]: _last_indexed(r, row[0]) for row in groups},
        image_count=int(r.execute("SELECT ifnull(max(id), 0) FROM image").fetchone()[0]),
        queue=_digest(r, _QUEUE),
        processors=_digest(
            r, "SELECT id, state, batch, script, progress, since, kill FROM processor ORDER BY id"
        ),
        settings=_digest(
            r,
            "SELECT name, value FROM setting UNION ALL "
            "SELECT folder, active || status || scans FROM watch ORDER BY 1",
        ),
    )


def changed_images(r: Reading, before: Marks, after: Marks, limit: int) -> list[int] | None:
    """Return the images that something has happened to, None when they are more than ``limit``."""
    found: set[int] = set()
    for group, indexed in after.images.items():
        earlier = before.images.get(group, -1)
        if indexed > earlier:
            rows = r.execute(
                "SELECT id FROM image WHERE grp = ? AND indexed > ? LIMIT ?",
                (group, earlier, limit + 1),
            )
            found |= {row[0] for row in rows}
    rows = r.execute(
        "SELECT DISTINCT image_id FROM log WHERE id > ? AND id <= ? AND image_id > 0 LIMIT ?",
        (before.log, after.log, limit + 1),
    )
    found |= {row[0] for row in rows}
    rows = r.execute("SELECT id FROM image WHERE id > ? LIMIT ?", (before.image_count, limit + 1))
    found |= {row[0] for row in rows}
    return sorted(found) if len(found) <= limit else None


_QUEUE = """
    SELECT id, position FROM (SELECT id, position FROM batch WHERE state = 'waiting'
        ORDER BY position LIMIT 64)
    UNION ALL SELECT id, attempt FROM batch WHERE state = 'running'
    UNION ALL SELECT first, last FROM queue_end
    UNION ALL SELECT max(id), -1 FROM batch
"""


def _last_indexed(r: Reading, group: str) -> int:
    row = r.execute(
        "SELECT indexed FROM image WHERE grp = ? ORDER BY indexed DESC LIMIT 1", (group,)
    ).fetchone()
    return int(row[0])


def _digest(r: Reading, sql: str) -> str:
    rows = [tuple(row) for row in r.execute(sql)]
    return hashlib.blake2b(json.dumps(rows).encode(), digest_size=12).hexdigest()
