"""Write files so that they appear whole or not at all."""

import ctypes
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBRARY = ctypes.CDLL(None, use_errno=True)
_RENAME = getattr(_LIBRARY, "renameat2", None)
_AT_FDCWD = -100
_EXCHANGE = 2
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def write_bytes_durably(path: Path, data: bytes, *, fsync: bool = True) -> None:
    """Write a file beside its place, then put it there in one step.

    Args:
        path: The file; its folder must exist. An old file is replaced.
        data: Its whole content.
        fsync: Wait until content and name are on the disk, so that they survive a power loss.
    """
    beside = _name_beside(path)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, data)
            if fsync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(beside, path)  # noqa: PTH105 - a text path: this stands in the way of every commit
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    if fsync:
        sync_folder(path.parent)


def exchange(one: str, other: str) -> bool:
    """Let two files of a file system change places, in one step.

    Returns:
        False where the file system or the kernel cannot: then the first has replaced the other.
    """
    if _RENAME is not None:
        if not _RENAME(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE):
            return True
        code = ctypes.get_errno()
        if code not in _CANNOT:
            raise OSError(code, os.strerror(code), one, None, other)
    os.replace(one, other)  # noqa: PTH105 - text paths
    return False


def sync_file_system(folder: Path) -> None:
    """Wait until all that was written to a folder's file system is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _LIBRARY.syncfs(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file to write to; at the end without error it becomes the file."""
    beside = Path(_name_beside(path))
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def sync_file(path: Path | str) -> None:
    """Wait until a file's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_beside(path: Path) -> str:
    return f"{path.parent}/.{path.name[:40]}.{secrets.token_hex(6)}.new"


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes; the kernel may take a part of them at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
