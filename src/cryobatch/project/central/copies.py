"""The central copy of a project: what is due, what was copied, and how it goes."""

import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryobatch.errors import ProjectError
from cryobatch.importing import Pace
from cryobatch.model.event import Level, LogEntry
from cryobatch.model.settings import CopySettings
from cryobatch.project.central.carriers import Carrier, FolderCarrier, open_target
from cryobatch.project.central.central_copy import Target, parse_target, sign
from cryobatch.project.central.rsync import RsyncCarrier
from cryobatch.project.place import ProjectPlace
from cryobatch.store import copies as store
from cryobatch.store import log
from cryobatch.store.copies import CopyCounts, DueImage
from cryobatch.store.database import Database
from cryobatch.store.settings import get_setting, put_setting

SCRATCH = ".copying"
"""Folder, beside the database, for lists of what is being copied."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """How the central copy gets on.

    Args:
        to: Where to; None: nowhere.
        counts: How much was copied, and what is due.
        status: What the daemon said of it last (Any: JSON's own variety).
        troubles: Images that could not be copied: id, group, name and why.
    """

    to: str | None
    counts: CopyCounts
    status: Mapping[str, Any]
    troubles: Sequence[tuple[int, str, str, str]]


@dataclass(frozen=True, slots=True)
class CentralCopy:
    """The copies of one project's results in another place.

    Args:
        database: The project's database.
        place: Where its images are.
        settings: What is copied and where to.
        project_id: Tells it from every other project.
    """

    database: Database
    place: ProjectPlace
    settings: CopySettings
    project_id: str
    orders: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", sign(self.settings))

    def target(self) -> Target | None:
        """Return where to, None where the settings name nothing.

        Raises:
            UsageError: The settings mean nothing.
        """
        text = self.settings.to
        return None if text is None else parse_target(text, self.place.folder)

    def carrier(
        self,
        target: Target,
        enough: threading.Event,
        environment: Mapping[str, str] | None = None,
    ) -> Carrier:
        """Return what brings files to a target: rsync where it is present.

        Args:
            target: The target.
            enough: Ends it early.
            environment: Variables for the programs that it starts.
        """
        rate = self.settings.rate_mb_s
        if target.host is None and shutil.which("rsync") is None:
            pace = None if rate is None else Pace(rate * 1e6, sleep=_sleep_until(enough))
            return FolderCarrier(Path(target.folder), pace, enough.is_set)
        return RsyncCarrier(target, rate, enough.is_set, environment or {}, self._scratch())

    def open(self, target: Target, carrier: Carrier) -> bool:
        """See that a target can be used, see ``open_target``; returns whether it is a new one."""
        with self.database.reading() as r:
            known: list[str] = get_setting(r, store.COPY_PLACES, [])
        begun = str(target) in known
        if target.host is None and Path(target.folder).resolve().is_relative_to(
            self.place.folder.resolve()
        ):
            raise ProjectError(f"{target} leads into the project itself; name another place")
        scratch = self._scratch()
        open_target(target, carrier, self.project_id, begun=begun, scratch=scratch)
        if not begun:
            with self.database.transaction() as t:
                put_setting(t, store.COPY_PLACES, [*known, str(target)])
        return not begun

    def sweep(self) -> None:
        """Remove what a killed daemon has left here."""
        shutil.rmtree(self.place.state / SCRATCH, ignore_errors=True)

    def _scratch(self) -> Path:
        folder = self.place.state / SCRATCH
        folder.mkdir(exist_ok=True)
        return folder

    def due(
        self, limit: int, but: Collection[int] = (), ended_since: float | None = None
    ) -> list[DueImage]:
        """Return images to be copied, see ``due_images``."""
        with self.database.reading() as r:
            return store.due_images(
                r, self.orders, limit=limit, but=but, ended_since=ended_since
            )  # fmt: skip

    def note_copied(self, copied: Iterable[tuple[DueImage, int, int]]) -> None:
        """Note that images were copied, and say so in the log.

        Args:
            copied: Each with the number of its files, and their size in bytes.
        """
        now = time.time()
        with self.database.transaction() as t:
            for image, files, size_bytes in copied:
                store.note_copied(
                    t, image, self.orders, files=files, size_bytes=size_bytes, now=now
                )  # fmt: skip
                text = f"copied to {self.settings.to}: {files} files, {size_bytes / 1e6:.1f} MB"
                log.append(t, [LogEntry(now, text, image_id=image.id)])

    def note_trouble(self, image: DueImage, text: str) -> None:
        """Note why an image could not be copied; the log is told once."""
        now = time.time()
        with self.database.transaction() as t:
            if store.note_trouble(t, image, self.orders, text, now):
                text = f"not copied to {self.settings.to}: {text}"
                log.append(t, [LogEntry(now, text, Level.ERROR, image_id=image.id)])

    def note_status(self, status: Mapping[str, object]) -> None:
        """Let commands know how it goes."""
        with self.database.transaction() as t:
            put_setting(t, store.COPY_STATUS, status)

    def request(self, *, again: bool = False) -> None:
        """Have it tried at once, also where it pauses.

        Args:
            again: Whether everything is compared again, and a target that was emptied begun anew.
        """
        with self.database.transaction() as t:
            if again:
                store.forget(t)
                put_setting(t, store.COPY_PLACES, [])
            number = get_setting(t, store.COPY_REQUESTS, 0)
            put_setting(t, store.COPY_REQUESTS, number + 1)

    def requests(self) -> int:
        """Return how often it was asked to be tried at once."""
        with self.database.reading() as r:
            return int(get_setting(r, store.COPY_REQUESTS, 0))

    def report(self, limit: int) -> CopyReport:
        """Return how it gets on, with so many troubles at most."""
        with self.database.reading() as r:
            return CopyReport(
                to=self.settings.to,
                counts=store.count_copies(r, self.orders),
                status=get_setting(r, store.COPY_STATUS, {}),
                troubles=store.troubles(r, limit),
            )


def _sleep_until(enough: threading.Event) -> Callable[[float], None]:
    """Return a sleep that ends early."""

    def sleep(seconds: float) -> None:
        enough.wait(seconds)

    return sleep
