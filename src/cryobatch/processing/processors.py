"""Processors: what the dispatcher asks of one, wherever it lives."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any, Protocol

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
    """A process somewhere that works through one batch at a time."""

    @property
    def host(self) -> str:
        """Return the machine that it runs on."""

    @property
    def pid(self) -> int | None:
        """Return the process's id on its machine."""

    @property
    def connection(self) -> Connection:
        """Return what becomes ready when it has said something, or is gone."""

    def send(self, message: Message) -> None:
        """Tell it something; nothing happens when it is gone: its loss is seen elsewhere."""

    def receive(self) -> Message | None:
        """Return the next message, None when it is gone."""

    def memory_bytes(self) -> int:
        """Return the resident size of it and all that it has started."""

    def kill(self) -> None:
        """Kill it with all that it has started; its loss is seen on its connection."""

    def end(self) -> str:
        """Kill what is left of it, reap it, and tell how it ended."""


StartProcessor = Callable[[str], Processor]
"""Starts the processor of a slot's name; it says ``up`` when it is ready."""
