"""Processors: what the dispatcher asks of one, wherever it lives."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from cryobatch.processing.orders import BatchOrder

Message = Mapping[str, Any]
"""A message as JSON's types."""


class ProcessorState(StrEnum):
    """What a processor does at the moment."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    LOST = "lost"


class Processor(Protocol):
    """A process somewhere that works through one batch after the other."""

    @property
    def host(self) -> str:
        """Return the machine that it runs on."""

    @property
    def pid(self) -> int | None:
        """Return the process's id on its machine."""

    def fileno(self) -> int:
        """Return what becomes ready when it has said something, or is gone."""

    def send(self, message: Message) -> None:
        """Tell it something; nothing happens when it is gone: its loss is seen elsewhere."""

    def hand(self, orders: Sequence[BatchOrder]) -> None:
        """Give it batches, to begin with when it is done with those before."""

    def has_room(self) -> bool:
        """Tell whether it has read so much that it can be handed more."""

    def take_back(self) -> int:
        """Take back the batches that it has not begun; return how many of the latest these are."""

    def hear(self, patience_s: float = 0.0) -> tuple[Sequence[Message], bool]:
        """Return what it has said, and whether it is gone; for that it may be waited."""

    def memory_bytes(self) -> int:
        """Return the resident size of it and all that it has started."""

    def kill(self) -> None:
        """Kill it with all that it has started; its loss is seen on its connection."""

    def end(self) -> str:
        """Kill what is left of it, reap it, and tell how it ended."""


StartProcessor = Callable[[str], Processor]
"""Starts the processor of a slot's name; it says ``up`` when it is ready."""
