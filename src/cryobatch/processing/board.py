"""The board: what each processor does, shown in the database where that has changed."""

from collections.abc import Iterable

from cryobatch.processing.slot import Slot
from cryobatch.store import processors
from cryobatch.store.database import Transaction

SHOW_INTERVAL_S = 0.1


class Board:
    """Shows what the processors do, but not all the time."""

    def __init__(self) -> None:
        """Begin with nothing that was shown."""
        self._shown: list[processors.ProcessorRow] = []
        self._shown_at = 0.0

    def is_due(self, slots: Iterable[Slot], now: float) -> bool:
        """Tell whether there is something new, and time to show it."""
        return now - self._shown_at >= SHOW_INTERVAL_S and self._shown != _describe(slots)

    def show(self, t: Transaction, slots: Iterable[Slot], now: float) -> None:
        """Write what is new."""
        rows = _describe(slots)
        if rows != self._shown:
            processors.show(t, rows)
            self._shown = rows
            self._shown_at = now


def _describe(slots: Iterable[Slot]) -> list[processors.ProcessorRow]:
    return [_describe_slot(slot) for slot in slots]


def _describe_slot(slot: Slot) -> processors.ProcessorRow:
    processor, batch = slot.processor, slot.batch
    return processors.ProcessorRow(
        id=slot.name,
        state=slot.state.value,
        since=slot.since,
        batch=None if batch is None else batch.id,
        image_id=None if batch is None else batch.image_id,
        script=slot.script,
        progress=slot.progress,
        host="" if processor is None else processor.host,
        pid=None if processor is None else processor.pid,
    )
