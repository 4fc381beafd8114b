"""Batches: one image and one workflow, on their way through the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryobatch.model.parameter import ParameterValue

ParameterSet = Mapping[str, Mapping[str, ParameterValue]]
"""Parameters by script and name."""

BEFORE_SCRIPTS = "workflow"
"""Stands for a script where a batch failed before its first one."""


class BatchState(StrEnum):
    """Where a batch is: waiting -> running -> done | failed | cancelled."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


NOT_RUN = "not run, for "
"""How the reason begins of a script that was not run because another one had failed."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One image and one workflow.

    Args:
        id: Number of the batch.
        image_id: Number of the image.
        scripts: Names of the chosen scripts.
        parameters: What was given for this batch.
        force: Whether what is up to date runs too.
        state: Where it is.
        position: Place in the queue; smaller comes first.
        attempt: How often it was claimed; fences late reports.
        losses: How often its processor died with it.
        failures: Why scripts of it failed, by script (or ``BEFORE_SCRIPTS``).
        processor: Who works or worked on it.
        submitted_at: Seconds since the epoch.
        started_at: Seconds since the epoch, None before the first claim.
        finished_at: Seconds since the epoch, None before the end.
        cancel: Whether a person wants it stopped.
        in_order: Whether it waits for the images recorded before in its group.
    """

    id: int
    image_id: int
    scripts: tuple[str, ...]
    parameters: ParameterSet
    force: bool
    state: BatchState
    position: int
    attempt: int
    losses: int
    failures: Mapping[str, str]
    processor: str | None
    submitted_at: float
    started_at: float | None
    finished_at: float | None
    cancel: bool
    in_order: bool = False
