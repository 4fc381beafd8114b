"""Failures that nothing has made good since: the batches behind them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryobatch.model.batch import ParameterSet
from cryobatch.store.database import Reading


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A batch that has failed.

    Args:
        id: Its number.
        image_id: Its image.
        image: Name of that image.
        group: Group of that image.
        reasons: Why scripts failed, by script.
        ended_at: Seconds since the epoch.
    """

    id: int
    image_id: int
    image: str
    group: str
    reasons: Mapping[str, str]
    ended_at: float


@dataclass(frozen=True, slots=True)
class Attempted:
    """What a batch was to do, and where.

    Args:
        scripts: The chosen scripts.
        parameters: What was given for it.
        force: Whether what was up to date ran too.
        processor: Who worked on it last.
        started_at: Seconds since the epoch.
    """

    scripts: tuple[str, ...]
    parameters: ParameterSet
    force: bool
    processor: str | None
    started_at: float | None


# A failure is made good by a later batch that was to do the same, or that has done what failed;
# one that was taken out again has done nothing.
_OPEN = """
    SELECT old.id, old.image_id, image.name, image.grp, old.failures, old.finished_at
    FROM batch AS old CROSS JOIN image ON image.id = old.image_id
    WHERE old.state = 'failed' AND old.finished_at IS NOT NULL AND image.trashed = 0
      AND NOT EXISTS (
        SELECT 1 FROM batch AS new INDEXED BY batch_image
        WHERE new.image_id = old.image_id AND new.id > old.id AND new.state <> 'cancelled'
          AND (new.signature = old.signature OR (new.state = 'done' AND NOT EXISTS (
            SELECT 1 FROM json_each(old.failures) AS failed
            WHERE failed.key NOT IN (SELECT value FROM json_each(new.scripts))))))
    ORDER BY old.finished_at, old.id
"""


def open_failures(r: Reading) -> list[FailedBatch]:
    """Return failed batches that nothing has made good, the oldest first.

    Without those of images in the trash. Half a second at 100,000.
    """
    return [
        FailedBatch(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5])
        for row in r.execute(_OPEN)
    ]


def attempted(r: Reading, batch: int) -> Attempted | None:
    """Return what a batch was to do, None if there is no such batch."""
    row = r.execute(
        "SELECT scripts, parameters, force, processor, started_at FROM batch WHERE id = ?",
        (batch,),
    ).fetchone()
    if row is None:
        return None
    scripts = tuple(json.loads(row[0]))
    return Attempted(scripts, json.loads(row[1]), bool(row[2]), row[3], row[4])
