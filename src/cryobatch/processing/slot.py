"""Slots: what the dispatcher knows of each processor."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryobatch.model.batch import Batch
from cryobatch.processing.processors import Processor, ProcessorState

RESTART_PAUSES_S = (0.0, 0.2, 1.0, 5.0, 30.0)
"""How long a processor waits that died again and again before it could work."""


class EndReason(StrEnum):
    """Why the daemon itself ends a processor; recorded before the kill."""

    CANCELLED = "cancelled by a person"
    TIME = "time limit"
    MEMORY = "memory limit"
    SHUTDOWN = "the daemon stops"
    RENEWAL = "scripts or settings changed"
    SURPLUS = "fewer processors wanted"
    KILLED = "processor stopped by a person"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the daemon ends a processor.

    Args:
        reason: The kind of it.
        text: The words for a person.
        script: What ran when that was decided; another one that has begun since is not to blame.
    """

    reason: EndReason
    text: str
    script: str | None


@dataclass(slots=True)
class Slot:
    """One processor's place.

    Args:
        name: The processor's name, kept over restarts of its process.
        number: Counts the slots from 0.
        processor: Its process, None while there is none.
        state: What it does.
        since: When that began, seconds since the epoch.
        taken_at: When it began with its latest batch.
        batch: The batch that it works on.
        folder: The folder of that batch's image.
        script: The script that it runs.
        progress: How much of the script is done, 0 to 1.
        deadline: When the script must have ended, None for no limit.
        time_limit_s: The limit that the deadline comes from.
        ending: Why it is being ended.
        stale: Whether it must be renewed before its next batch.
        deaths: How often it died in a row before it could work.
        restart_at: When it may be started again.
        failures: Scripts of the batch that failed, with the reason.
    """

    name: str
    number: int
    processor: Processor | None = None
    state: ProcessorState = ProcessorState.STARTING
    since: float = 0.0
    taken_at: float = 0.0
    batch: Batch | None = None
    folder: Path | None = None
    script: str | None = None
    progress: float | None = None
    deadline: float | None = None
    time_limit_s: float | None = None
    ending: Ending | None = None
    stale: bool = False
    deaths: int = 0
    restart_at: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    def turn(self, state: ProcessorState, now: float) -> None:
        """Go into another state; one that is being ended goes nowhere else."""
        self.state = state if self.ending is None else ProcessorState.STOPPING
        self.since = now

    def take(self, batch: Batch, folder: Path, now: float) -> None:
        """Begin with a batch."""
        self.batch = batch
        self.folder = folder
        self.script = None
        self.progress = None
        self.failures = dict(batch.failures)
        self.taken_at = now
        self.turn(ProcessorState.BUSY, now)

    def free(self, now: float) -> None:
        """End with a batch."""
        self.batch = None
        self.folder = None
        self.end_script()
        self.turn(ProcessorState.IDLE, now)

    def begin_script(self, script: str, time_limit_s: float | None, now: float) -> None:
        """Begin with a script."""
        self.script = script
        self.progress = 0.0
        self.time_limit_s = time_limit_s
        self.deadline = None if time_limit_s is None else now + time_limit_s

    def end_script(self) -> None:
        """End with a script."""
        self.script = None
        self.progress = None
        self.deadline = None

    def die(self, now: float) -> None:
        """Note that the process is gone, and when a new one may be started."""
        self.processor = None
        pause = RESTART_PAUSES_S[min(self.deaths, len(RESTART_PAUSES_S) - 1)]
        self.restart_at = now + pause
        self.deaths += 1
        self.ending = None
        self.stale = False
        self.end_script()
        self.batch = None
        self.folder = None
        self.turn(ProcessorState.LOST if pause else ProcessorState.STARTING, now)


def find_breach(
    slot: Slot, now: float, memory_bytes: int, memory_limit_bytes: int | None
) -> Ending | None:
    """Tell whether a busy processor has gone beyond a limit."""
    if slot.script is None or slot.ending is not None:
        return None
    if slot.deadline is not None and now > slot.deadline:
        text = f"took longer than its time limit of {slot.time_limit_s:g} s"
        return Ending(EndReason.TIME, text, slot.script)
    if memory_limit_bytes is not None and memory_bytes > memory_limit_bytes:
        used, limit = memory_bytes / 1e9, memory_limit_bytes / 1e9
        text = f"used {used:.2f} GB of memory, the processor's limit is {limit:g} GB"
        return Ending(EndReason.MEMORY, text, slot.script)
    return None
