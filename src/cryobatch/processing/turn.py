"""A turn: what one round of the dispatcher has to write, and to do once it is written."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryobatch.model.batch import Batch
from cryobatch.model.event import Level, LogEntry
from cryobatch.processing.slot import Slot
from cryobatch.store.database import Transaction

Write = Callable[[Transaction], None]
Action = Callable[[], None]


@dataclass(slots=True)
class Turn:
    """Writes of one transaction, and what follows it.

    Args:
        now: Seconds since the epoch.
        writes: Changes of queue and library, in their order.
        entries: Rows of the log.
        actions: What is done when the transaction has been committed.
    """

    now: float
    writes: list[Write] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def log(
        self, slot: Slot, text: str, level: Level = Level.INFO, script: str | None = None
    ) -> None:
        """Add a row about what a processor did."""
        batch = slot.batch
        self.entries.append(
            LogEntry(
                time=self.now,
                text=text,
                level=level,
                processor=slot.name,
                image_id=None if batch is None else batch.image_id,
                batch=None if batch is None else batch.id,
                script=script,
            )
        )

    def log_batch(self, processor: str, batch: Batch, text: str) -> None:
        """Add a row about the beginning of a batch."""
        self.entries.append(
            LogEntry(self.now, text, processor=processor, image_id=batch.image_id, batch=batch.id)
        )
