"""The wire between the daemon and a processor: a socket with one message of JSON a line."""

import contextlib
import json
import select
import socket
from collections import deque
from collections.abc import Iterable, Sequence

import orjson

from cryobatch.processing.processors import Message

_CHUNK_BYTES = 1 << 16


class Wire:
    """One end of it.

    Args:
        end: The connected socket, which belongs to the wire from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        """Take the socket."""
        self._end = end
        self._rest = b""
        self._unsent = b""
        self._read: deque[Message] = deque()

    def fileno(self) -> int:
        """Return what becomes ready when the other end has said something, or is gone."""
        return self._end.fileno()

    def send(self, lines: bytes) -> None:
        """Send whole lines, however long that takes."""
        self._end.sendall(lines)

    def post(self, lines: bytes = b"") -> bool:
        """Send what the other end has room for, and the rest with the next post.

        Returns:
            Whether all is sent.
        """
        self._unsent += lines
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                sent = self._end.send(self._unsent, socket.MSG_DONTWAIT)
                self._unsent = self._unsent[sent:]
        return not self._unsent

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            EOFError: The other end is gone.
        """
        while not self._read:
            if not self._take_in(0):
                raise EOFError
        return self._read.popleft()

    def receive_all(self, patience_s: float = 0.0) -> tuple[Sequence[Message], bool]:
        """Return what the other end has said so far, and whether it is gone.

        Args:
            patience_s: How long to wait for it to be gone.
        """
        poller = select.poll()
        poller.register(self._end, select.POLLIN)
        there = True
        while there and poller.poll(patience_s * 1000):
            there = self._take_in(socket.MSG_DONTWAIT)
        said, self._read = self._read, deque()
        return said, not there

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _take_in(self, flags: int) -> bool:
        """Read what is there; False when the other end is gone and all was read."""
        try:
            data = self._end.recv(_CHUNK_BYTES, flags)
        except ConnectionResetError:
            return True  # it died with words unread; its own last ones come after this
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._read.extend(read_lines(lines))
        return bool(data)


def write_orders(messages: Iterable[Message]) -> bytes:
    """Return lines for what the daemon says; parameters may be infinite, unlike JSON's numbers."""
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def write_report(message: Message) -> bytes:
    """Return a line for what a processor says; all its numbers are finite."""
    try:
        return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # A file's name may hold bytes that are no text: UTF-8 cannot carry them, escapes can.
        return json.dumps(message).encode() + b"\n"


def read_lines(lines: Sequence[bytes]) -> list[Message]:
    """Return the messages of lines."""
    try:
        found: list[Message] = orjson.loads(b"[" + b",".join(lines) + b"]")
    except orjson.JSONDecodeError:
        found = [json.loads(line) for line in lines]
    return found
