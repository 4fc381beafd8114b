"""Carriers: bring files to another place, each whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryobatch.errors import BadInput, CryobatchError, ProjectError
from cryobatch.importing import Pace
from cryobatch.importing.copying import copy_verified
from cryobatch.project.central.central_copy import MARKER, CopyFile, Target

_NO_IMAGES_FAULT = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN,
    errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH,
}  # fmt: skip
_EXACTNESS_NS = (1_000, 1_000_000_000, 2_000_000_000)
"""Other file systems keep times to so much."""


class TargetAwayError(CryobatchError):
    """The place to copy to cannot be used at present: try again later."""


class CopyStopped(Exception):  # noqa: N818 - an order, not an error
    """Nobody wants the copy any more for the time being."""


class Carrier(Protocol):
    """Brings files to one target."""

    def carry(self, files: Sequence[CopyFile]) -> None:
        """Bring files there; those that are there already are left alone.

        Raises:
            TargetAwayError: The target cannot be used.
            CryobatchError: One of the files cannot be copied.
            CopyStopped: It was to end early; what was copied is kept.
        """

    def fetch(self, path: str, place: Path) -> bool:
        """Bring a file back; returns whether it is there.

        Raises:
            TargetAwayError: The target cannot be used.
        """


def never() -> bool:
    """Tell that nobody wants it to end."""
    return False


@dataclass(slots=True)
class FolderCarrier:
    """Copies into a folder of this machine, where there is no rsync; what it wrote it reads again.

    Args:
        folder: The folder.
        pace: Slows it down; None: as fast as may be.
        stopped: Tells that it shall end early.
    """

    folder: Path
    pace: Pace | None = None
    stopped: Callable[[], bool] = never

    def carry(self, files: Sequence[CopyFile]) -> None:
        """Copy files, see ``Carrier``."""
        for file in files:
            place = self.folder / file.path
            with _explained(place):
                if not is_same(file.source, place):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    copy_verified(file.source, place, spend=self._spend)

    def fetch(self, path: str, place: Path) -> bool:
        """Copy a file back, see ``Carrier``."""
        return fetch_here(self.folder, path, place)

    def _spend(self, count: int) -> None:
        if self.stopped():
            raise CopyStopped
        if self.pace is not None:
            self.pace.spend(count)


def fetch_here(folder: Path, path: str, place: Path) -> bool:
    """Copy a file of a folder on this machine; returns whether it is there."""
    with _explained(folder / path):
        if not (folder / path).is_file():
            return False
        copy_verified(folder / path, place)
        return True


def is_same(source: Path, copy: Path) -> bool:
    """Tell whether a copy is there, by size and time as exactly as its file system keeps it."""
    try:
        one, two = source.stat(), copy.stat()
    except FileNotFoundError:
        return False
    if one.st_size != two.st_size:
        return False
    return one.st_mtime_ns == two.st_mtime_ns or any(
        two.st_mtime_ns % unit == 0 and one.st_mtime_ns // unit == two.st_mtime_ns // unit
        for unit in _EXACTNESS_NS
    )


@contextmanager
def _explained(place: Path) -> Iterator[None]:
    """Tell trouble of the target from that of one file."""
    try:
        yield
    except ProjectError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _NO_IMAGES_FAULT:
            raise TargetAwayError(str(error)) from error
        raise
    except OSError as error:
        text = f"{place}: cannot be written: {error.strerror}"
        if error.errno in _NO_IMAGES_FAULT:
            raise TargetAwayError(text) from error
        raise ProjectError(text) from error


def open_target(
    target: Target, carrier: Carrier, project_id: str, *, begun: bool, scratch: Path | None = None
) -> None:
    """See that a target is there and ours, and begin it where that was not done yet.

    Args:
        target: The target.
        carrier: Brings files there.
        project_id: Whose copies it holds.
        begun: Whether copies were made there earlier. Where their marker is gone, a disk is not
            mounted, and what is copied would fill another one.
        scratch: Folder for a moment's file; None: the system's own.

    Raises:
        TargetAwayError: It is not there.
        ProjectError: It holds the copies of another project.
    """
    _look_at_folder(target)
    with tempfile.TemporaryDirectory(prefix="cryobatch-", dir=scratch) as own:
        found = Path(own) / MARKER
        if carrier.fetch(MARKER, found):
            if f'"{project_id}"' not in found.read_text(encoding="utf-8", errors="replace"):
                raise ProjectError(
                    f"{target} holds the copies of another project (see its {MARKER}): name "
                    "another folder in [copy]"
                )
        elif begun:
            raise TargetAwayError(
                f"{target}: its {MARKER} is gone; mount the disk, or begin anew with "
                "'cryobatch copy now --again'"
            )
        else:
            found.write_text(f'project = "{project_id}"\n', encoding="utf-8")
            carrier.carry([CopyFile(found, MARKER)])


def _look_at_folder(target: Target) -> None:
    """See that a folder of this machine is there; only its last part is made."""
    if target.host is not None:
        return
    folder = Path(target.folder)
    try:
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise TargetAwayError(f"{folder} is not there ({error.strerror})") from error


def size_of(files: Sequence[CopyFile]) -> int:
    """Return the size of files in bytes; one that is gone has none."""
    total = 0
    for file in files:
        with contextlib.suppress(OSError):
            total += file.source.stat().st_size
    return total


def check_readable(files: Sequence[CopyFile]) -> None:
    """See that all files are there.

    Raises:
        BadInput: One is not.
    """
    for file in files:
        if not os.access(file.source, os.R_OK):
            raise BadInput(f"{file.source}: is gone or cannot be read, so it was not copied")
