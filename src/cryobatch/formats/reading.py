"""Turn what goes wrong while a recording is read into BadInput."""

import bz2
import gzip
import os
import stat
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cryobatch.errors import BadInput

CHUNK_BYTES = 16 << 20
"""Compressed files are read in pieces: a lying header must not make us allocate gigabytes."""

_PIECE_BYTES = 1 << 20


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise BadInput, naming the file, for whatever the system or a decoder reports inside."""
    try:
        yield
    except FileNotFoundError:
        raise BadInput(f"{path}: {_describe_absence(path)}; put it back, then try again") from None
    except PermissionError:
        raise BadInput(f"{path}: no permission to read it; allow it, then retry") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder, a recording is a file; name the file") from None
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise BadInput(
            f"{path}: cannot be read ({error}); see whether it is complete, copy it again"
        ) from error


def _describe_absence(path: Path) -> str:
    if path.is_symlink():
        return f"it links to {path.readlink()}, which is not there"
    return "the file is gone"


class ByteSource(Protocol):
    """Something from which bytes at a place can be had."""

    def size_bytes(self) -> int | None:
        """Return how many bytes there are, None when only reading tells."""

    def read_at(self, offset: int, count: int) -> bytearray:
        """Return up to ``count`` bytes from a place; fewer at the end."""

    def read_into(self, offset: int, out: memoryview) -> int:
        """Fill bytes from a place on; return how many there were."""

    def close(self) -> None:
        """Let go of the file."""


class PlainFile:
    """A file as it is; threads may read it at the same time.

    Plain reads, never a memory map: mapped pages would count into the watched resident size, and
    a file that shrinks under a map kills the process.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def size_bytes(self) -> int:
        """Return the file's size."""
        return os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, count: int) -> bytearray:
        """Return up to ``count`` bytes from a place; fewer at the end."""
        return read_at(self._descriptor, offset, max(0, min(count, self.size_bytes() - offset)))

    def read_into(self, offset: int, out: memoryview) -> int:
        """Fill bytes from a place on; return how many there were."""
        return read_into(self._descriptor, offset, out)

    def first_hole(self) -> int | None:
        """Return the place of the first bytes that were never written, None where none are known.

        Not every file system tells.
        """
        try:
            place = os.lseek(self._descriptor, 0, os.SEEK_HOLE)
        except OSError:
            return None
        return place if place < self.size_bytes() else None

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class CompressedFile:
    """A gzip or bzip2 file; going back in it starts decoding from the beginning."""

    def __init__(self, path: Path) -> None:
        opener = gzip.open if path.suffix.lower() == ".gz" else bz2.open
        self._stream = opener(path, "rb")
        self._lock = threading.Lock()

    def size_bytes(self) -> None:
        """Return None: a compressed file does not say how long its content is."""

    def read_at(self, offset: int, count: int) -> bytearray:
        """Return up to ``count`` bytes from a place; fewer at the end."""
        buffer = bytearray()
        with self._lock:
            self._stream.seek(offset)
            while len(buffer) < count:
                piece = self._stream.read(min(CHUNK_BYTES, count - len(buffer)))
                if not piece:
                    break
                buffer += piece
        return buffer

    def read_into(self, offset: int, out: memoryview) -> int:
        """Fill bytes from a place on; return how many there were."""
        data = self.read_at(offset, len(out))
        out[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def read_at(descriptor: int, offset: int, count: int) -> bytearray:
    """Return up to ``count`` bytes from a place of an open file; fewer at its end."""
    buffer = bytearray(count)
    with memoryview(buffer) as view:
        done = read_into(descriptor, offset, view)
    del buffer[done:]
    return buffer


def read_into(descriptor: int, offset: int, out: memoryview) -> int:
    """Fill bytes from a place of an open file on; return how many there were before its end."""
    done = 0
    while done < len(out):
        # A piece is written while it is in the cache that it was read to.
        got = os.preadv(descriptor, [out[done : done + _PIECE_BYTES]], offset + done)
        if got == 0:
            break
        done += got
    return done


def require_file(path: Path) -> None:
    """Raise for what is no plain file: opening a pipe or a device would wait for ever."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(mode):
        raise OSError("it is a pipe or a device, not a file")


def read_small(path: Path, most_bytes: int) -> bytes:
    """Return the content of a text or XML that others wrote.

    Raises:
        BadInput: It cannot be read, is no plain file, or is longer than such files are.
    """
    with reading(path):
        require_file(path)
        file = PlainFile(path)
        try:
            data = file.read_at(0, most_bytes + 1)
        finally:
            file.close()
    if len(data) > most_bytes:
        raise BadInput(f"{path}: more than {most_bytes >> 20} MB are more than metadata need")
    return bytes(data)


def open_bytes(path: Path) -> ByteSource:
    """Open a file, through its compression if its name ends in .gz or .bz2."""
    require_file(path)
    if path.suffix.lower() in {".gz", ".bz2"}:
        return CompressedFile(path)
    return PlainFile(path)
