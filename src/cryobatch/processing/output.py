"""Output: what scripts print, gathered in one file of their processor and kept in images' logs."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_LEAST_START = 512
"""So long the line with the log's name is at least: mostly the next name takes its place."""


class OutputFile:
    """A processor's own file, which takes what a script prints until that is kept in a log.

    Most scripts are silent and need no log; the first file in a folder of its own would cost a
    short batch more than all else. The first line names the log, so that whoever finds the file
    of a killed processor knows where the rest belongs.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; its folder must exist."""
        self._path = path
        self._end = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._front = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._own = (os.dup(1), os.dup(2))
        self._start = 0
        os.ftruncate(self._end, 0)

    def begin(self, log: str) -> None:
        """Name the log of what comes."""
        line = json.dumps(log).encode()
        line = line.ljust(max(_LEAST_START, len(line) + 1) - 1) + b"\n"
        if len(line) != self._start:
            os.ftruncate(self._end, 0)
        os.pwrite(self._front, line, 0)
        self._start = len(line)

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Take standard output and error, those of C libraries and children too."""
        _flush()
        os.dup2(self._end, 1)
        os.dup2(self._end, 2)
        try:
            yield
        finally:
            _flush()
            for number, descriptor in zip((1, 2), self._own, strict=True):
                os.dup2(descriptor, number)

    def write(self, data: bytes) -> None:
        """Add to what the script has said."""
        os.write(self._end, data)

    def keep(self) -> None:
        """Add what was printed to the log; without a word there is none."""
        if os.fstat(self._end).st_size > self._start:
            self._start = 0  # whatever becomes of the words, they are not the next script's
            keep_output(self._path)
            os.ftruncate(self._end, 0)  # kept: not again when the processor is killed


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def keep_output(path: Path, within: Path | None = None) -> None:
    """Add to its log what a processor's file has taken.

    Args:
        path: The processor's file; nothing is kept of one that is not there.
        within: Folder in which the log must lie.

    Raises:
        OSError: The log cannot be written.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        log = _read_place(file.readline())
        rest = file.read(_CHUNK_BYTES)
        if log is None or not rest or (within is not None and not log.is_relative_to(within)):
            return
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as kept:
            while rest:
                kept.write(rest)
                rest = file.read(_CHUNK_BYTES)


def _read_place(line: bytes) -> Path | None:
    try:
        return Path(str(json.loads(line)))
    except ValueError:
        return None  # killed before the line was whole
