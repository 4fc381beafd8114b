"""The doorbell: wakes the daemon, so that a command takes effect at once."""

import contextlib
import socket
from pathlib import Path


class Doorbell:
    """The daemon's end: a datagram socket that is ready when somebody has rung."""

    def __init__(self, path: Path) -> None:
        """Hang it up; an old one of a killed daemon is taken down."""
        path.unlink(missing_ok=True)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))

    def fileno(self) -> int:
        """Return the file descriptor to wait for."""
        return self._socket.fileno()

    def silence(self) -> None:
        """Take note of all rings so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        """Take it down."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ring(path: Path) -> bool:
    """Wake the daemon; False when there is none. One that is busy has rings enough waiting."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        try:
            bell.sendto(b"!", str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True
