"""Events: what processors say, and the rows of the log."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a row of the log matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of the log.

    Args:
        time: Seconds since the epoch.
        text: What happened.
        level: How much it matters.
        processor: Who worked.
        image_id: On which image.
        batch: In which batch.
        script: With which script.
    """

    time: float
    text: str
    level: Level = Level.INFO
    processor: str | None = None
    image_id: int | None = None
    batch: int | None = None
    script: str | None = None
