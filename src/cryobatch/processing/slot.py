"""Slots: what the dispatcher knows of each processor."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryobatch.model.batch import Batch
from cryobatch.processing.processors import Processor, ProcessorState
from cryobatch.processing.ready import Prepared

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
        work: The batch that it works on, with its order.
        ahead: What it was handed to go on with, in this order.
        settled: Whether nothing was taken back since a batch of its ended.
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
    work: Prepared | None = None
    ahead: deque[Prepared] = field(default_factory=deque)
    settled: bool = True
    script: str | None = None
    progress: float | None = None
    deadline: float | None = None
    time_limit_s: float | None = None
    ending: Ending | None = None
    stale: bool = False
    deaths: int = 0
    restart_at: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def batch(self) -> Batch | None:
        """Return the batch that it works on."""
        return None if self.work is None else self.work.batch

    @property
    def folder(self) -> Path:
        """Return the folder of the image that it works on."""
        assert self.work is not None
        return Path(self.work.order.image_folder)

    def turn(self, state: ProcessorState, now: float) -> None:
        """Go into another state; one that is being ended goes nowhere else."""
        self.state = state if self.ending is None else ProcessorState.STOPPING
        self.since = now

    def hand(self, batches: Sequence[Prepared], now: float) -> None:
        """Give its processor batches, to begin with at once or after those that it has."""
        assert self.processor is not None
        self.processor.hand([prepared.order for prepared in batches])
        self.ahead.extend(batches)
        if self.work is None:
            self._take(self.ahead.popleft(), now)

    def has_room(self) -> bool:
        """Tell whether its processor can be handed more."""
        return self.processor is not None and self.processor.has_room()

    def take_back(self, now: float) -> list[Prepared]:
        """Take back what its processor has not begun, the last one first."""
        if self.processor is None or self.work is None:
            return []
        taken = [self.ahead.pop() if self.ahead else self._drop(now)
                 for _ in range(self.processor.take_back())]  # fmt: skip
        self.settled = self.settled and not taken
        return taken

    def free(self, now: float) -> None:
        """End with a batch, and go on with the next one that it was handed."""
        self.settled = True
        if self.ahead:
            self._take(self.ahead.popleft(), now)
        else:
            self._drop(now)

    def _take(self, prepared: Prepared, now: float) -> None:
        self.work = prepared
        self.end_script()
        self.failures = dict(prepared.batch.failures)
        self.taken_at = now
        self.turn(ProcessorState.BUSY, now)

    def _drop(self, now: float) -> Prepared:
        assert self.work is not None
        dropped, self.work = self.work, None
        self.end_script()
        self.turn(ProcessorState.IDLE, now)
        return dropped

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
        self.work = None
        self.ahead.clear()
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
