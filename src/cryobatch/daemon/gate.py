"""The machine's gate: daemons of several projects share its processors."""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import NamedTuple

STALE_S = 2.0
"""Who has not asked for so long does not want a place any more, or hangs."""
LOOK_INTERVAL_S = 0.02


class Rival(NamedTuple):
    """Another daemon that waits for a place."""

    held: int
    since: float
    asked: float


class MachineGate:
    """Lets as many batches run at once on this machine as it has places.

    A place is a file whose kernel lock its holder keeps while a batch runs; it is free again
    whatever becomes of the holder. Who waits for one says so in a file of its own in ``wanting``,
    locked too: nobody takes a further place while another daemon waits that has fewer of them, or
    as many and has waited longer.
    """

    def __init__(self, folder: Path, places: int) -> None:
        """Prepare the folder.

        Args:
            folder: Shared by all users of the machine.
            places: Batches at once.
        """
        self._folder = folder
        self._places = places
        self._held: dict[int, int] = {}
        for part in (folder, folder / "wanting"):
            with contextlib.suppress(FileExistsError):
                part.mkdir(parents=True)
            with contextlib.suppress(PermissionError):
                part.chmod(0o1777)
        self._own = folder / "wanting" / f"{os.getuid()}-{os.getpid()}-{id(self)}"
        self._wanting: int | None = None
        self._since = 0.0
        self._alone_at = 0.0
        self._closed = False

    def shut(self, shut: bool) -> None:
        """Let nobody else in, or let them in again; who has a place keeps it."""
        self._closed = shut
        if shut:
            self.rest()

    def resize(self, places: int) -> None:
        """Have another number of places."""
        self._places = places

    def enter(self, slot: int) -> bool:
        """Ask for a place for a slot; asking again is allowed."""
        if slot in self._held:
            return True
        if self._closed:
            return False
        now = time.monotonic()
        if self._is_next(now):
            for place in range(self._places):
                descriptor = _try_lock(self._folder / f"place-{place}")
                if descriptor is not None:
                    self._held[slot] = descriptor
                    self.rest()
                    return True
        self._want(now)
        return False

    def leave(self, slot: int) -> None:
        """Give a slot's place back."""
        descriptor = self._held.pop(slot, None)
        if descriptor is not None:
            os.close(descriptor)

    def is_wanted(self) -> bool:
        """Tell whether another daemon waits for a place, or nobody is let in."""
        return self._closed or not self._is_alone(time.monotonic())

    def rest(self) -> None:
        """Want nothing for the time being."""
        if self._wanting is not None:
            self._own.unlink(missing_ok=True)
            os.close(self._wanting)
            self._wanting = None

    def close(self) -> None:
        """Give all back."""
        for slot in list(self._held):
            self.leave(slot)
        self.rest()

    def _want(self, now: float) -> None:
        if self._wanting is None:
            self._wanting = _try_lock(self._own)
            self._since = now
        if self._wanting is not None:
            text = f"{len(self._held)} {self._since} {now}"
            os.pwrite(self._wanting, text.ljust(80).encode("ascii"), 0)

    def _is_next(self, now: float) -> bool:
        if self._is_alone(now):
            return True
        rivals = self._find_rivals(now)
        own = (len(self._held), now if self._wanting is None else self._since)
        return all(own <= (rival.held, rival.since) for rival in rivals)

    def _is_alone(self, now: float) -> bool:
        if now - self._alone_at >= LOOK_INTERVAL_S and not self._find_rivals(now):
            self._alone_at = now
        return now - self._alone_at < LOOK_INTERVAL_S

    def _find_rivals(self, now: float) -> list[Rival]:
        rivals = []
        for path in _files_in(self._folder / "wanting"):
            if path == self._own:
                continue
            descriptor = _try_lock(path, create=False)
            if descriptor is not None:
                with contextlib.suppress(OSError):  # it may be another user's
                    path.unlink()  # its holder was killed
                os.close(descriptor)
                continue
            rival = _read_rival(path)
            if rival is not None and now - rival.asked < STALE_S:
                rivals.append(rival)
        return rivals


def _files_in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # somebody has cleaned up


def _read_rival(path: Path) -> Rival | None:
    try:
        held, since, asked = path.read_text(encoding="ascii").split()
        return Rival(int(held), float(since), float(asked))
    except (OSError, ValueError):
        return None  # it begins or ceases to wait at this moment


def _try_lock(path: Path, *, create: bool = True) -> int | None:
    descriptor = _open(path, create=create)
    if descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open(path: Path, *, create: bool) -> int | None:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    # In a folder for all, Linux lets nobody open another's file with O_CREAT.
    with contextlib.suppress(OSError):
        return os.open(path, flags)
    if not create:
        return None
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError:
        return None
    os.fchmod(descriptor, 0o666)  # whatever the user's mask
    return descriptor
