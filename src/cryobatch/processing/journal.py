"""The journal: parameter files that were replaced, until the disk has them for certain.

To wait for the disk twice for each image, once for its parameter file and once for its name, is
most of what a short batch costs. So the next parameter files of many images are written into one
file, which is flushed once, before any of them is replaced; the whole file system is flushed now
and then, beside the work. What a power loss takes between the two is written again from the
journal, by whoever opens the project next.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson

from cryobatch.errors import CryobatchError, SettingsError
from cryobatch.formats import parameter_file
from cryobatch.formats.atomic import (
    sync_file,
    sync_file_system,
    sync_folder,
    write_all,
    write_bytes_durably,
)
from cryobatch.model.image import ImageRecord
from cryobatch.processing.image_folder import (
    PARAMETER_FILE,
    WAITERS,
    Identity,
    identify,
    image_lock,
    read_record,
    write_record,
)
from cryobatch.processing.spares import Spares

INTERVAL_S = 10.0
"""How often the file system is flushed, when there is something to flush."""
PATIENCE_S = 2.0
"""How long the end waits for a flush that is under way; what is left is flushed file by file."""
MANY = 100
"""For more images than these the whole file system is flushed, and not each of them."""
_PATTERN = "journal-*"

Locate = Callable[[int], Path | None]
"""Gives the folder of an image by its id, None when there is no such image."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A parameter file that takes the place of another.

    Args:
        folder: The image's folder.
        script: Whose results are new in it.
        content: The whole of it.
        base: Identity of the one that it replaces.
        fresh: Its own identity.
    """

    folder: str
    script: str
    content: str
    base: Identity
    fresh: Identity


@dataclass(frozen=True, slots=True)
class Restored:
    """A parameter file of which a power loss, or a kill, had taken something.

    Args:
        folder: The image's folder.
        record: What it holds now; None where it could not be put right.
        text: In words, what was done, or why not.
    """

    folder: Path
    record: ImageRecord | None
    text: str


class Journal:
    """Notes parameter files before they are replaced, and forgets them when the disk has them.

    It is held, as a context, from the writing of spares until they are in their places.
    """

    def __init__(self, folder: Path) -> None:
        """Start the thread that flushes.

        Args:
            folder: Holds journal and spares; on the images' file system.
        """
        self.spares = Spares(folder)
        self._folder = folder
        self._descriptor: int | None = None
        self._size = 0
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Journal":
        """Keep it from being forgotten meanwhile."""
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self._lock.release()

    def note(self, entries: Sequence[Entry]) -> None:
        """Write entries, and wait until they are on the disk."""
        if self._descriptor is None:
            self._begin()
        assert self._descriptor is not None
        lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries)
        try:
            write_all(self._descriptor, lines)
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # nothing follows half a line
            raise
        self._size += len(lines)

    def close(self) -> None:
        """Wait for the disk, and leave nothing behind."""
        self._ends.set()
        self._thread.join(PATIENCE_S)  # a copy may keep the file system busy for minutes
        with self:
            self._seal()
            self.spares.close()
        with contextlib.suppress(OSError, CryobatchError):  # what is left the next daemon settles
            settle(self._folder, lambda _: None)

    def _begin(self) -> None:
        path = f"{self._folder}/journal-{time.time_ns()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        sync_folder(self._folder)

    def _seal(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor, self._size = None, 0

    def _work(self) -> None:
        while not self._ends.wait(INTERVAL_S):
            with self:
                self._seal()
                sealed = list(self._folder.glob(_PATTERN))
            if sealed:
                with contextlib.suppress(OSError):  # once more after the next interval
                    sync_file_system(self._folder)
                    for path in sealed:
                        path.unlink()


def settle(folder: Path, locate: Locate) -> list[Restored]:
    """See that all that journals hold is in the images' parameter files, and on the disk.

    Args:
        folder: Holds the journals, which are removed then.
        locate: Finds images that are not where they were.

    Returns:
        What a power loss, or a kill, had taken, and is there again.
    """
    journals = sorted(folder.glob(_PATTERN))
    entries = [entry for path in journals for entry in _read(path)]
    latest = {entry.folder: entry for entry in entries}
    noted = _latest_times(entries)
    flush = len(latest) <= MANY
    with ThreadPoolExecutor(WAITERS, thread_name_prefix="disk") as waiters:
        settled = waiters.map(lambda entry: _settle(entry, noted, locate, flush), latest.values())
        restored = [found for found in settled if found is not None]
    if not flush:
        sync_file_system(folder)
    for path in journals:
        path.unlink()
    return restored


def _read(path: Path) -> Iterator[Entry]:
    """Yield a journal's entries; the last ones may not have come to the disk."""
    for line in path.read_bytes().split(b"\n"):
        try:
            data = orjson.loads(line)
            base, fresh = _identity(data.pop("base")), _identity(data.pop("fresh"))
            yield Entry(**data, base=base, fresh=fresh)
        except (ValueError, TypeError, KeyError, AttributeError):
            return


def _identity(data: Sequence[int]) -> Identity:
    mtime_ns, size, inode = data
    return mtime_ns, size, inode


def _latest_times(entries: Sequence[Entry]) -> Mapping[int, int]:
    """Return when we have last written each file, by inode: a file was many images' in its time."""
    noted: dict[int, int] = {}
    for entry in entries:
        for mtime_ns, _, inode in (entry.base, entry.fresh):
            noted[inode] = max(mtime_ns, noted.get(inode, 0))
    return noted


def _settle(entry: Entry, noted: Mapping[int, int], locate: Locate, flush: bool) -> Restored | None:
    """Bring one entry to its image, where it is not there."""
    folder = Path(entry.folder)
    try:
        if not folder.is_dir():
            wanted = parameter_file.loads(entry.content, entry.folder)
            folder = locate(wanted.image.id) or folder
        if not folder.is_dir():
            return None  # the image was removed
        with image_lock(folder):
            restored = _restore(folder, entry, noted)
        if restored is None and flush:
            sync_file(folder / PARAMETER_FILE)
            sync_folder(folder)
    except (CryobatchError, OSError) as error:
        text = f"after a restart: {folder}: its parameter file cannot be put right: {error}"
        return Restored(folder, None, text)
    return restored


def _restore(folder: Path, entry: Entry, noted: Mapping[int, int]) -> Restored | None:
    with contextlib.suppress(OSError):
        if (folder / PARAMETER_FILE).read_bytes() == entry.content.encode():
            return None
    wanted = parameter_file.loads(entry.content, str(folder))
    found = _read_if_whole(folder)
    if found is not None and not _is_same_image(found, wanted):
        if identify(folder)[2] not in noted:
            return None  # another image was given the folder since
        found = None  # what a file held that was another image's in its time
    if found is None or _is_ours(folder, noted):
        write_bytes_durably(folder / PARAMETER_FILE, entry.content.encode())
        return Restored(folder, wanted, "after a restart: its parameter file was written again")
    if entry.script in found.runs:
        return None
    run, values = wanted.runs[entry.script], wanted.values.get(entry.script, {})
    merged = found.with_run(entry.script, run, values)
    write_record(folder, merged)
    text = f"after a restart: {entry.script} was added to its parameter file"
    return Restored(folder, merged, text)


def _read_if_whole(folder: Path) -> ImageRecord | None:
    """Return the record that is there, None for a torn one."""
    try:
        return read_record(folder)
    except SettingsError:
        return None


def _is_same_image(one: ImageRecord, other: ImageRecord) -> bool:
    return (one.image.id, one.image.source_id) == (other.image.id, other.image.source_id)


def _is_ours(folder: Path, noted: Mapping[int, int]) -> bool:
    """Tell whether a parameter file is one of those that a journal knows, untouched since."""
    mtime_ns, _, inode = identify(folder)
    return mtime_ns <= noted.get(inode, -1)
