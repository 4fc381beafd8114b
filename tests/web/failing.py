"""Batches that fail, as processors tell it."""

from collections.abc import Mapping, Sequence

from cryobatch.model import BatchState
from cryobatch.model.event import Level, LogEntry
from cryobatch.project import Project
from cryobatch.store import log, queue

NOW = 1_790_000_000.0


def fail_next(
    project: Project, reasons: Sequence[Mapping[str, str]], now: float = NOW
) -> list[int]:
    """Let the first batches that wait run and fail, each for its reasons by script.

    Returns:
        Their ids.
    """
    ids = []
    with project.database.transaction() as t:
        for place, failures in enumerate(reasons):
            batch = queue.claim(t, "local-1", now + place)
            assert batch is not None
            for script, text in failures.items():
                queue.record_failure(t, batch.id, batch.attempt, script, text)
                log.append(t, [LogEntry(now + place, text, Level.ERROR, "local-1",
                                        batch.image_id, batch.id, script)])  # fmt: skip
            queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, failures, now + place)
            ids.append(batch.id)
    return ids
