"""Spares: parameter files that were replaced, and are written again as the next ones."""

import contextlib
import fcntl
import os
import signal
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from cryobatch.formats.atomic import exchange, write_all
from cryobatch.processing.image_folder import PARAMETER_FILE, Identity

LEAST = 16
"""So many spares rest: whoever has just found one under its old name has time to open it."""
_START = "spare-"


@dataclass(frozen=True, slots=True)
class Spare:
    """A parameter file that is no image's yet.

    Args:
        path: Where it is.
        identity: Of what was written into it.
    """

    path: str
    identity: Identity


class Spares:
    """Files that take the next parameter files of images, and change places with the old ones.

    To make a file and remove another costs a short batch more than all else, on some disks a
    hundred times as much as writing one that is there.
    """

    def __init__(self, folder: Path) -> None:
        """Begin without any.

        Args:
            folder: Holds them; on the images' file system.
        """
        self._folder = folder
        self._free: deque[str] = deque()
        self._made = 0
        self._kind: tuple[int, int, int] | None = None

    def write(self, content: bytes) -> Spare:
        """Write a spare."""
        path, descriptor, earlier_size = self._open()
        try:
            write_all(descriptor, content)
            if earlier_size > len(content):
                os.ftruncate(descriptor, len(content))
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return Spare(path, (status.st_mtime_ns, status.st_size, status.st_ino))

    def put(self, spare: Spare, folder: Path) -> None:
        """Let a written spare be an image's parameter file; the old one is a spare then."""
        if exchange(spare.path, f"{folder}/{PARAMETER_FILE}"):
            self._free.append(spare.path)

    def take_back(self, spare: Spare) -> None:
        """Take back one that was put nowhere."""
        self._free.append(spare.path)

    def close(self) -> None:
        """Remove them."""
        for path in self._free:
            _remove(path)
        self._free.clear()

    def _open(self) -> tuple[str, int, int]:
        """Return a spare's path, its descriptor and how much is in it."""
        while len(self._free) >= LEAST:
            path = self._free.popleft()
            opened = self._reopen(path)
            if opened is not None:
                return path, *opened
            _remove(path)
        self._made += 1
        path = f"{self._folder}/{_START}{self._made}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        self._kind = self._kind or _kind_of(os.fstat(descriptor))
        return path, descriptor, 0

    def _reopen(self, path: str) -> tuple[int, int] | None:
        """Open one to be written again, None where it may be anybody else's too."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        status = os.fstat(descriptor)
        if status.st_nlink == 1 and _kind_of(status) == self._kind and _is_alone(descriptor):
            return descriptor, status.st_size
        os.close(descriptor)
        return None


def _is_alone(descriptor: int) -> bool:
    """Tell whether nobody else has a file open: only then the kernel gives a lease for writing.

    It ends when the descriptor is closed: who opens the file meanwhile waits for that.
    """
    try:
        # An opener would send us SIGIO, which ends a process; SIGURG does nothing.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        return False
    return True


def _kind_of(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a text path
