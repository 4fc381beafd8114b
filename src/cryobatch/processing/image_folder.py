"""Image folders: reading and replacing a parameter file under the image's lock."""

import fcntl
import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import ConflictError, CryobatchError, ProjectError
from cryobatch.formats import parameter_file
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.model.image import ImageRecord

PARAMETER_FILE = "image.toml"
LOCK_FILE = ".lock"
WAITERS = 8
"""Threads that do little but wait for the disk."""
_STRUCT_FLOCK = "@hhqqi0q"
"""The kernel's struct flock: type, whence, start, length, pid."""

Identity = tuple[int, int, int]
"""Modification time in ns, size in bytes and inode of a file."""


class ImageLocks:
    """Locks of images: every read-modify-write of a parameter file happens under its image's."""

    def __init__(self) -> None:
        """Hold none."""
        self._files: dict[Path, int] = {}

    def take(self, folder: Path, *, wait: bool = True) -> None:
        """Lock an image.

        Args:
            folder: The image's folder.
            wait: Whether to wait while somebody else holds its lock.

        Raises:
            ConflictError: Somebody else holds it, and this was not to wait.
        """
        group = folder.parent
        if group not in self._files:
            self._files[group] = _open_lock_file(group, folder)
        _lock(self._files[group], folder, wait)

    def __enter__(self) -> "ImageLocks":
        return self

    def __exit__(self, *_: object) -> None:
        """Give all of them back."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()


@contextmanager
def image_lock(folder: Path) -> Iterator[None]:
    """Hold an image's lock; who comes second waits."""
    with ImageLocks() as locks:
        locks.take(folder)
        yield


def _open_lock_file(group: Path, folder: Path) -> int:
    try:
        return os.open(group / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ProjectError(
            f"{folder}: the image's folder cannot be written to ({error.strerror}); "
            "bring it back, or put the image into the trash"
        ) from error


def _lock(descriptor: int, folder: Path, wait: bool) -> None:
    """Lock an image's byte of the lock file that it shares with its neighbours.

    A file of its own for each image would cost more to make than all else in a short batch, and
    a byte can be locked on a network file system too. The lock belongs to the open file, not to
    the process: threads of one process exclude each other as well.
    """
    place = int.from_bytes(hashlib.blake2b(os.fsencode(folder.name), digest_size=7).digest())
    request = struct.pack(_STRUCT_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, request)
    except BlockingIOError:
        raise ConflictError(f"{folder}: another program holds the image's lock") from None


def identify(folder: Path) -> Identity:
    """Return what tells one version of the parameter file from another."""
    path = f"{folder}/{PARAMETER_FILE}"
    try:
        status = os.stat(path)  # noqa: PTH116 - a text path
    except OSError as error:
        raise ProjectError(f"{path}: cannot be read: {error.strerror}") from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def read_record(folder: Path) -> ImageRecord:
    """Read an image's parameter file."""
    return parameter_file.read(f"{folder}/{PARAMETER_FILE}")


@dataclass(frozen=True, slots=True)
class Read:
    """A record as it was in one version of its file.

    Args:
        folder: The image's folder.
        identity: Of that version.
        record: What it held.
    """

    folder: Path
    identity: Identity
    record: ImageRecord

    @classmethod
    def now(cls, folder: Path) -> "Read":
        """Read the file as it is now."""
        identity = identify(folder)  # first: a change in between is seen by it
        return cls(folder, identity, read_record(folder))


def update_record(folder: Path, change: Callable[[ImageRecord], ImageRecord]) -> Read | None:
    """Change an image's record: read, modify and replace its file under the image's lock.

    Returns:
        The record as it is now, None when nothing has changed.
    """
    with image_lock(folder):
        before = read_record(folder)
        after = change(before)
        if after == before:
            return None
        write_record(folder, after)
        return Read(folder, identify(folder), after)


def update_records(
    folders: Iterable[Path], change: Callable[[ImageRecord], ImageRecord]
) -> list[Read | CryobatchError | OSError | None]:
    """Change the records of images, several at once: they wait for the disk together.

    Returns:
        As ``update_record`` for each, or why it could not be changed.
    """

    def update(folder: Path) -> Read | CryobatchError | OSError | None:
        try:
            return update_record(folder, change)
        except (CryobatchError, OSError) as error:
            return error

    with ThreadPoolExecutor(WAITERS, thread_name_prefix="disk") as waiters:
        return list(waiters.map(update, folders))


def write_record(folder: Path, record: ImageRecord) -> None:
    """Write an image's parameter file; the caller holds the lock, or the image is new."""
    write_bytes_durably(folder / PARAMETER_FILE, parameter_file.dumps(record).encode())
