"""Watched folders: which there are, and what shall be done with their recordings."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryobatch.errors import CryobatchError, UsageError
from cryobatch.importing.take import Take
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import Patience
from cryobatch.model.image import FactValue
from cryobatch.project.doorbell import ring
from cryobatch.project.keepsakes import keep_watches
from cryobatch.project.place import ProjectPlace
from cryobatch.project.submission import Choice
from cryobatch.store import watching as store
from cryobatch.store.database import Database
from cryobatch.store.watching import Delays, FileRow, FileState, WatchRow

RATE_OVER_S = 600.0
"""The rate is that of the last ten minutes."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What shall be done with the recordings of a watched folder.

    Args:
        facts: Facts that hold whatever the recordings say, in their own types.
        take: Whether recordings are linked to, copied or moved.
        rate_mb_s: Copy no faster than this, MB/s; None: as fast as may be.
        submit: Whether anything shall be done to the new images.
        choice: What shall be done.
        patterns: Which files are wanted.
        patience: How long a file must have been unchanged.
        pattern: Reads facts and group from names, such as ``{grid}_{square}_*``; None: as the
            project's settings say.
    """

    facts: Mapping[str, FactValue] = field(default_factory=dict)
    take: Take = Take.LINK
    rate_mb_s: float | None = None
    submit: bool = True
    choice: Choice = field(default_factory=Choice)
    patterns: Patterns = field(default_factory=Patterns)
    patience: Patience = field(default_factory=Patience)
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A watched folder.

    Args:
        id: Its number.
        folder: Absolute path.
        orders: What shall be done with its recordings.
        active: Whether the daemon follows it.
        scans: How often somebody has asked for a scan.
        status: What the daemon said of it last (Any: JSON's own variety).
    """

    id: int
    folder: Path
    orders: Orders
    active: bool
    scans: int = 0
    status: Mapping[str, Any] = field(default_factory=dict)

    def state(self, works: bool) -> str:
        """Return how the folder is followed, in a word or two.

        Args:
            works: Whether a daemon works on the project.
        """
        if not works:
            return "no daemon" if self.active else "stopped"
        if "state" in self.status:
            return str(self.status["state"])
        return "starting" if self.active else "stopped"

    def reason(self, works: bool) -> str:
        """Return why nothing is taken, or why a folder is polled; empty while all is well."""
        return str(self.status.get("reason", "")) if works else ""

    def settling(self, works: bool) -> int:
        """Return how many files a daemon, if one works, waits for to settle."""
        return int(self.status.get("settling", 0)) if works else 0


@dataclass(frozen=True, slots=True)
class WatchReport:
    """How a watched folder gets on.

    Args:
        watched: The folder.
        counts: Files by what became of them.
        incomplete: Those that lack something, with what.
        failed: Those that cannot be used or were written anew, with the reason.
        images_an_hour: Imports of the last ten minutes, as a rate.
        delays: From the last byte on.
    """

    watched: WatchedFolder
    counts: Mapping[FileState, int]
    incomplete: Sequence[FileRow]
    failed: Sequence[FileRow]
    images_an_hour: float
    delays: Delays


@dataclass(frozen=True, slots=True)
class Watching:
    """The watched folders of a project.

    Args:
        database: The project's database.
        place: Where its daemon's doorbell is.
    """

    database: Database
    place: ProjectPlace

    def add(self, folder: Path, orders: Orders, *, active: bool = True) -> WatchedFolder:
        """Watch a folder, or give one that is watched new orders; it need not be there yet.

        Raises:
            UsageError: It cannot be watched; the text says why.
        """
        path = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
        self.check(path)
        with self.database.transaction() as t:
            number = store.add_watch(
                t, str(path), orders_to_json(orders), active=active, now=time.time()
            )
            keep_watches(self.place.folder, t)
        ring(self.place.doorbell)
        return WatchedFolder(number, path, orders, active)

    def listing(self) -> list[WatchedFolder]:
        """Return all watched folders."""
        with self.database.reading() as r:
            return [_from_row(row) for row in store.watches(r)]

    def find(self, name: str) -> WatchedFolder:
        """Return the watched folder of a number or path.

        Raises:
            CryobatchError: There is none.
        """
        path = Path(os.path.abspath(name))  # noqa: PTH100 - as in add
        known = self.listing()
        for watched in known:
            if watched.folder == path or (name.isdigit() and watched.id == int(name)):
                return watched
        folders = ", ".join(f"{item.id} ({item.folder})" for item in known) or "there is none yet"
        raise CryobatchError(f"no watched folder is called {name!r}; known: {folders}")

    def start(self, watched: WatchedFolder) -> None:
        """Let the daemon follow a folder."""
        self._set_active(watched, True)

    def stop(self, watched: WatchedFolder) -> None:
        """Let the daemon follow a folder no more; what it has taken is remembered."""
        self._set_active(watched, False)

    def scan(self, watched: WatchedFolder) -> None:
        """Ask the daemon to look through a folder at once."""
        with self.database.transaction() as t:
            store.want_scan(t, watched.id)
        ring(self.place.doorbell)

    def remove(self, watched: WatchedFolder) -> None:
        """Forget a folder; its images stay."""
        with self.database.transaction() as t:
            store.remove_watch(t, watched.id)
            keep_watches(self.place.folder, t)
        ring(self.place.doorbell)

    def report(self, watched: WatchedFolder, limit: int | None = None) -> WatchReport:
        """Return how a folder gets on.

        Args:
            watched: The folder.
            limit: List so many incomplete and so many failed files at most.
        """
        now = time.time()
        with self.database.reading() as r:
            recent = store.count_imported(r, watched.id, now - RATE_OVER_S)
            return WatchReport(
                watched=watched,
                counts=store.count_files(r, watched.id),
                incomplete=store.files(r, watched.id, [FileState.INCOMPLETE], limit),
                failed=store.files(r, watched.id, [FileState.FAILED, FileState.REWRITTEN], limit),
                images_an_hour=recent * 3600 / RATE_OVER_S,
                delays=store.measure_delays(r, watched.id),
            )

    def files(self, watched: WatchedFolder, state: FileState, limit: int) -> list[FileRow]:
        """Return the files of a folder in one state, the latest first."""
        with self.database.reading() as r:
            return store.files(r, watched.id, [state], limit)

    def _set_active(self, watched: WatchedFolder, active: bool) -> None:
        with self.database.transaction() as t:
            store.set_active(t, watched.id, active)
            keep_watches(self.place.folder, t)
        ring(self.place.doorbell)

    def check(self, path: Path) -> None:
        """See that a folder can be watched.

        Raises:
            UsageError: It cannot; the text says why.
        """
        try:
            str(path).encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(f"{path!r}: its name is no text in UTF-8; rename it") from None
        try:
            is_file = path.exists() and not path.is_dir()
        except OSError as error:
            raise UsageError(f"{path}: cannot be looked at: {error.strerror}") from error
        if is_file:
            raise UsageError(f"{path} is no folder: name the folder that the recordings appear in")
        if path == self.place.images or self.place.images in path.parents:
            raise UsageError(f"{path}: holds what this project has made; name the folder that the "
                             "recordings appear in")  # fmt: skip


def orders_to_json(orders: Orders) -> dict[str, Any]:
    """Return orders as they are kept (Any: JSON's own variety)."""
    choice = orders.choice
    return {
        "facts": dict(orders.facts),
        "take": orders.take.value,
        "rate_mb_s": orders.rate_mb_s,
        "submit": orders.submit,
        "scripts": None if choice.scripts is None else list(choice.scripts),
        "workflow": choice.workflow,
        "parameters": {name: dict(given) for name, given in (choice.parameters or {}).items()},
        "top": choice.top,
        "first_now": choice.first_now,
        "include": list(orders.patterns.include),
        "ignore": list(orders.patterns.ignore),
        "fast_s": orders.patience.fast_s,
        "patient_s": orders.patience.patient_s,
        "pattern": orders.pattern,
    }


def orders_from_json(kept: Mapping[str, Any]) -> Orders:
    """Return orders that were kept (Any: JSON's own variety)."""
    scripts = kept["scripts"]
    return Orders(
        facts=kept["facts"],
        take=Take(kept["take"]),
        rate_mb_s=kept["rate_mb_s"],
        submit=kept["submit"],
        choice=Choice(
            scripts=None if scripts is None else tuple(scripts),
            workflow=kept["workflow"],
            parameters=kept["parameters"] or None,
            top=kept["top"],
            first_now=kept["first_now"],
        ),
        patterns=Patterns(tuple(kept["include"]), tuple(kept["ignore"])),
        patience=Patience(kept["fast_s"], kept["patient_s"]),
        pattern=kept.get("pattern"),
    )


def _from_row(row: WatchRow) -> WatchedFolder:
    orders = orders_from_json(row.orders)
    return WatchedFolder(row.id, Path(row.folder), orders, row.active, row.scans, row.status)
