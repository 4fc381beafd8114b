"""What a terminal shows while the queue is worked: processors, rate, what remains."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from cryobatch.cli.tables import describe_duration
from cryobatch.store import library

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cryobatch.daemon.work import Snapshot
    from cryobatch.processing.slot import Slot
    from cryobatch.project import Project

LINE_INTERVAL_S = 10.0

Show = Callable[["Snapshot"], None]


@contextmanager
def show_work(project: "Project") -> Iterator[Show]:
    """Return what takes snapshots: a live table on a terminal, plain lines elsewhere."""
    if not sys.stdout.isatty():
        yield Lines().show
        return
    from rich.live import Live

    names = ImageNames(project)
    with Live(refresh_per_second=4, transient=True) as live:
        yield lambda snapshot: live.update(_draw(snapshot, names))


def describe_work(snapshot: "Snapshot") -> str:
    """Return a snapshot in one line."""
    text = f"{snapshot.ended} ended"
    if snapshot.failed:
        text += f" ({snapshot.failed} failed)"
    text += f", {snapshot.running} running, {snapshot.waiting} waiting"
    if snapshot.ended:
        text += f"; {snapshot.images_an_hour:.0f} images an hour"
    if snapshot.seconds_left is not None and snapshot.waiting + snapshot.running:
        end = datetime.fromtimestamp(time.time() + snapshot.seconds_left).astimezone()
        text += f", {describe_duration(snapshot.seconds_left)} left, until {end:%H:%M}"
    if snapshot.paused:
        text += "; paused ('cryobatch queue resume' lets it go on)"
    if snapshot.dispatcher.trouble is not None:
        text += f"; trouble: {snapshot.dispatcher.trouble}"
    return text


class Lines:
    """Plain lines: one when something has changed, not too often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare.

        Args:
            clock: Gives seconds.
        """
        self._clock = clock
        self._told: tuple[object, ...] = ()
        self._told_at = float("-inf")

    def show(self, snapshot: "Snapshot") -> None:
        """Print a line where that is due."""
        news = (snapshot.ended, snapshot.failed, snapshot.running, snapshot.waiting,
                snapshot.paused, snapshot.dispatcher.trouble)  # fmt: skip
        now = self._clock()
        if news == self._told or now - self._told_at < LINE_INTERVAL_S:
            return
        self._told, self._told_at = news, now
        print(describe_work(snapshot), flush=True)


class ImageNames:
    """Names of the images that processors work on, each looked up once."""

    def __init__(self, project: "Project") -> None:
        """Prepare.

        Args:
            project: Knows the names.
        """
        self._project = project
        self._known: dict[int, str] = {}

    def of(self, ids: set[int]) -> dict[int, str]:
        """Return the names of images."""
        unknown = ids - set(self._known)
        if unknown:
            with self._project.database.reading() as r:
                places = library.places(r, unknown)
            # Only what is shown is remembered: a project may have very many images.
            self._known = {one: name for one, name in self._known.items() if one in ids}
            self._known |= {one: name for one, (_, name) in places.items()}
        return self._known


def _draw(snapshot: "Snapshot", names: ImageNames) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("processor", "state", "image", "script", "progress", "for"):
        table.add_column(title)
    slots = snapshot.dispatcher.slots
    known = names.of({slot.batch.image_id for slot in slots if slot.batch is not None})
    for slot in slots:
        table.add_row(*(Text(cell) for cell in _cells(slot, known)))
    return Group(table, Text(), _bar(snapshot), Text(describe_work(snapshot)))


def _cells(slot: "Slot", names: dict[int, str]) -> tuple[str, ...]:
    image = "" if slot.batch is None else names.get(slot.batch.image_id, "")
    progress = "" if slot.progress is None else f"{slot.progress:.0%}"
    since = describe_duration(max(time.time() - slot.since, 0)) if slot.since else ""
    return slot.name, slot.state.value, image, slot.script or "", progress, since


def _bar(snapshot: "Snapshot") -> "RenderableType":
    from rich.progress_bar import ProgressBar

    total = snapshot.ended + snapshot.running + snapshot.waiting
    return ProgressBar(total=max(total, 1), completed=snapshot.ended, width=60)
