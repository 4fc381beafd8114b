"""The machine's gate: daemons of several projects share its processors."""

import contextlib
import fcntl
import os
from pathlib import Path


class MachineGate:
    """Lets as many batches run at once on this machine as it has places.

    A place is a file whose kernel lock its holder keeps while a batch runs; it is free again
    whatever becomes of the holder. Who wants to run at all holds a lock in ``wanting`` too: a
    daemon takes no more than its fair share of the places while others want some.
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
        self._own = folder / "wanting" / f"{os.getuid()}-{os.getpid()}"
        self._wanting: int | None = None

    def enter(self, slot: int) -> bool:
        """Ask for a place for a slot; asking again is allowed."""
        if slot in self._held:
            return True
        self._want()
        if len(self._held) >= self._fair_share():
            return False
        for place in range(self._places):
            descriptor = _try_lock(self._folder / f"place-{place}")
            if descriptor is not None:
                self._held[slot] = descriptor
                return True
        return False

    def leave(self, slot: int) -> None:
        """Give a slot's place back."""
        descriptor = self._held.pop(slot, None)
        if descriptor is not None:
            os.close(descriptor)

    def rest(self) -> None:
        """Want nothing for the time being, so that others may have all places."""
        if self._wanting is not None and not self._held:
            os.close(self._wanting)
            self._own.unlink(missing_ok=True)
            self._wanting = None

    def close(self) -> None:
        """Give all back."""
        for slot in list(self._held):
            self.leave(slot)
        self.rest()

    def _want(self) -> None:
        if self._wanting is None:
            self._wanting = _try_lock(self._own)

    def _fair_share(self) -> int:
        others = 0
        for path in (self._folder / "wanting").iterdir():
            if path == self._own:
                continue
            descriptor = _try_lock(path, create=False)
            if descriptor is None:
                others += path.exists()
            else:
                path.unlink(missing_ok=True)  # its holder was killed
                os.close(descriptor)
        return max(1, self._places // (1 + others))


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
