"""A turn: what one round of the dispatcher has to commit and write, and to do once that is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.model.batch import Batch
from cryobatch.model.event import Level, LogEntry
from cryobatch.processing.orders import StagedResult
from cryobatch.processing.processors import Message
from cryobatch.processing.slot import Slot
from cryobatch.store.database import Transaction

Write = Callable[[Transaction], None]
Action = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a script has staged, on its way to the image.

    Args:
        batch: Its batch.
        processor: Name of the processor that made it.
        began_at: When that began with the batch, seconds since the epoch.
        folder: The image's folder.
        staged: Where it lies.
        message: All that the processor said about it.
        failures: Why other scripts of the batch have failed so far.
        answer: Tells the processor, which waits for it; None after the batch's last script, when
            the processor is busy with another batch already.
    """

    batch: Batch
    processor: str
    began_at: float
    folder: Path
    staged: StagedResult
    message: Message
    failures: Mapping[str, str]
    answer: Callable[[Message], None] | None


@dataclass(slots=True)
class Turn:
    """Results to commit, writes of one transaction, and what follows it.

    Args:
        now: Seconds since the epoch.
        results: What scripts have staged.
        writes: Changes of queue and library, in their order.
        entries: Rows of the log.
        actions: What is done when the transaction has been committed.
        released: Whether a batch can be claimed now that had waited for another one, or for a
            processor.
        returned: Batches that were claimed, and that nobody has begun.
        durations: How long the batches that have ended kept their processors, in seconds.
        losses: What follows, by batch, from the loss of its processor; a result of the batch that
            is on its way to the image arrives first.
    """

    now: float
    results: list[Result] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    released: bool = False
    durations: list[float] = field(default_factory=list)
    returned: list[Batch] = field(default_factory=list)
    losses: dict[int, "Turn"] = field(default_factory=dict)

    def log(
        self, slot: Slot, text: str, level: Level = Level.INFO, script: str | None = None
    ) -> None:
        """Add a row about what a processor did."""
        self.log_batch(slot.name, slot.batch, text, level, script)

    def log_batch(
        self,
        processor: str,
        batch: Batch | None,
        text: str,
        level: Level = Level.INFO,
        script: str | None = None,
    ) -> None:
        """Add a row about a batch."""
        self.entries.append(
            LogEntry(
                time=self.now,
                text=text,
                level=level,
                processor=processor,
                image_id=None if batch is None else batch.image_id,
                batch=None if batch is None else batch.id,
                script=script,
            )
        )
