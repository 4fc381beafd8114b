"""Output: what scripts print, gathered in one file of their processor and kept in images' logs."""

import json
import os
from pathlib import Path

_CHUNK_BYTES = 1 << 20


class OutputFile:
    """A processor's own file, which takes what a script prints until that is kept in a log.

    Most scripts are silent and need no log; the first file in a folder of its own would cost a
    short batch more than all else. The first line names the log, so that whoever finds the file
    of a killed processor knows where the rest belongs.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; its folder must exist."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._start = 0

    def fileno(self) -> int:
        """Return what a script's output is to be sent into."""
        return self._descriptor

    def begin(self, log: str) -> None:
        """Forget what is in the file, and name the log of what comes."""
        os.ftruncate(self._descriptor, 0)
        self._start = os.write(self._descriptor, json.dumps(log).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Add to what the script has said."""
        os.write(self._descriptor, data)

    def keep(self) -> None:
        """Add what was printed to the log; without a word there is none."""
        if os.fstat(self._descriptor).st_size > self._start:
            keep_output(self._path)
            os.ftruncate(self._descriptor, 0)  # kept: not again when the processor is killed


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
