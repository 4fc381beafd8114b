"""Take a recording into its image's folder: by link, copy or move."""

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.reading import reading
from cryobatch.importing.copying import CHUNK_BYTES, copy_verified, discard_copy


class Take(StrEnum):
    """How a recording becomes the root product of its image."""

    LINK = "link"
    COPY = "copy"
    MOVE = "move"


class Stopped(Exception):  # noqa: N818 - no error: somebody wants it
    """A copy was stopped in its middle; it goes on there when it is begun again."""


SLEEP_S = 0.2
"""After so long it is looked whether copying shall stop."""


class Pace:
    """Keeps copies, one after another, to so many bytes a second, and stops them when asked."""

    def __init__(
        self,
        bytes_a_second: float = float("inf"),
        *,
        is_stopped: Callable[[], bool] = lambda: False,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin at rest.

        Args:
            bytes_a_second: How fast.
            is_stopped: Tells whether copying shall stop.
            aside: Surrounds what takes long, so that others may work meanwhile.
            clock: Gives seconds.
            sleep: Waits so many of them.
        """
        self._bytes_a_second = bytes_a_second
        self._is_stopped = is_stopped
        self.aside = aside
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def spend(self, count: int) -> None:
        """Wait until so many bytes more may have been copied.

        Raises:
            Stopped: Copying shall stop.
        """
        self._free_at = max(self._free_at, self._clock()) + count / self._bytes_a_second
        while True:
            if self._is_stopped():
                raise Stopped
            left_s = self._free_at - self._clock()
            if left_s <= 0:
                return
            self._sleep(min(left_s, SLEEP_S))


def take_recording(source: Path, folder: Path, how: Take, pace: Pace | None = None) -> str:
    """Make a recording available to its image.

    A move copies: ``remove_source`` ends it, once the image is in the library.

    Args:
        source: The recording.
        folder: The image's folder, which exists.
        how: A link makes no file, it only names the recording where it is.
        pace: Slows copying down; None: as fast as may be.

    Returns:
        The image's ``root_file``: the absolute path of a linked recording, else a path below the
        folder.

    Raises:
        BadInput: The recording cannot be read, or changed while it was copied.
        ProjectError: The copy cannot be written.
    """
    if how is Take.LINK:
        discard_copy(folder / source.name)
        return str(source)
    pace = Pace() if pace is None else pace
    with pace.aside():
        copy_verified(source, folder / source.name, spend=pace.spend)
    return source.name


def remove_source(source: Path, copy: Path, pace: Pace | None = None) -> None:
    """Delete a moved recording, after another look at its copy.

    Args:
        source: The recording.
        copy: What it has become.
        pace: Says when to stop; None: never.

    Raises:
        BadInput: Source and copy are not the same any more: the source stays.
        Stopped: So it was asked; the source stays.
    """
    pace = Pace() if pace is None else pace
    with pace.aside():
        is_same = _digest(source, pace) == _digest(copy, pace)
    if not is_same:
        raise BadInput(f"{source}: differs from its copy {copy}; it was not deleted, import again")
    with reading(source):
        source.unlink()


def _digest(path: Path, pace: Pace) -> bytes:
    digest = hashlib.sha256()
    with reading(path), path.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            pace.spend(0)
    return digest.digest()
