"""The tray: leave to begin batches that a processor was handed ahead, which can be taken back."""

import contextlib
import os
import struct
from collections.abc import Iterable

_LEAVE = struct.Struct("=q")
_ALL_BYTES = 1 << 16
"""What a pipe holds at most."""


class Tray:
    """A pipe of leaves, one for each batch that was handed ahead, by its number.

    Both the processor and its daemon hold the end that is read: whoever takes a leave out has it.
    So the daemon can have back what nobody has begun, also while the processor is deep in a script.
    """

    def __init__(self) -> None:
        """Make the pipe."""
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)

    def put(self, numbers: Iterable[int]) -> None:
        """Give leave to begin the batches of these numbers."""
        os.write(self._writer, b"".join(map(_LEAVE.pack, numbers)))

    def take_back(self) -> int:
        """Take all leaves out and return how many there were.

        They come out in one read, between which the kernel lets no other: one after the other, the
        processor could take the leave of a later batch while those before it are taken back.
        """
        with contextlib.suppress(BlockingIOError):
            return len(os.read(self.reader, _ALL_BYTES)) // _LEAVE.size
        return 0

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self._writer)


class Permits:
    """A processor's end of the tray."""

    def __init__(self, reader: int) -> None:
        """Read leaves from a tray's descriptor."""
        self._reader = reader
        self._held = 0

    def allows(self, number: int) -> bool:
        """Tell whether a batch may begin; the numbers come in their order, each once."""
        if self._held < number:
            with contextlib.suppress(BlockingIOError):
                if leave := os.read(self._reader, _LEAVE.size):
                    (self._held,) = _LEAVE.unpack(leave)
        return self._held == number
