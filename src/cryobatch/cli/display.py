"""What a terminal shows while the queue is worked: processors, rate, what remains."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from cryobatch.cli.layout import GAP, shorten
from cryobatch.cli.tables import describe_duration
from cryobatch.store import library

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cryobatch.daemon.work import Snapshot
    from cryobatch.processing.slot import Slot
    from cryobatch.project import Project

LINE_INTERVAL_S = 10.0
LEAST_NAME = 8
_EPU_ENDING = re.compile(r"_(fractions|eer)$", re.IGNORECASE)
_LINES_AROUND = 4
"""Titles, an empty line, the bar, and the line where the cursor stands."""
_TITLES = ("processor", "state", "image", "script", "progress", "for")
_IMAGE = _TITLES.index("image")

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
        yield lambda snapshot: live.update(draw_work(snapshot, names, live.console))


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
    if snapshot.held is not None:
        text += f"; held: {snapshot.held}"
    if snapshot.import_trouble is not None:
        text += f"; not imported: {snapshot.import_trouble}"
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
                snapshot.paused, snapshot.held, snapshot.import_trouble,
                snapshot.dispatcher.trouble)  # fmt: skip
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


def draw_work(snapshot: "Snapshot", names: ImageNames, console: "Console") -> "RenderableType":
    """Return what a terminal shows of a snapshot: as many processors as it has room for.

    Args:
        snapshot: How the work goes.
        names: Names of images.
        console: Has the terminal's size.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    line = Text(describe_work(snapshot))
    slots, more = snapshot.dispatcher.slots, []
    room = console.height - len(line.wrap(console, console.width)) - _LINES_AROUND
    if len(slots) > max(room, 1):
        room = max(room - 1, 1)
        more = [Text(f"... and {len(slots) - room} more (see 'cryobatch processors')")]
        slots = slots[:room]
    known = names.of({slot.batch.image_id for slot in slots if slot.batch is not None})
    table = draw_slots(slots, known, console.width)
    # Padding ends the bar's line: by itself a bar does not, and the text would stand behind it.
    return Group(table, *more, Text(), Padding(_bar(snapshot, console.width)), line)


def draw_slots(slots: Sequence["Slot"], names: Mapping[int, str], width: int) -> "RenderableType":
    """Return the table of processors.

    Args:
        slots: What each processor does.
        names: Names of images; long ones are shortened, so that a row is one line.
        width: Columns of the terminal.
    """
    from rich.table import Table
    from rich.text import Text

    rows = [_TITLES, *(_cells(slot, names) for slot in slots)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_TITLES))]
    others = sum(widths) - widths[_IMAGE] + len(GAP) * (len(_TITLES) - 1)
    room = max(width - others, LEAST_NAME)
    table = Table(box=None, pad_edge=False)
    for title in _TITLES:
        table.add_column(title, no_wrap=True)
    for row in rows[1:]:
        cells = (_shorten_name(c, room) if place == _IMAGE else c for place, c in enumerate(row))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _shorten_name(name: str, room: int) -> str:
    """Shorten an image's name; what every recording of a session ends with goes first."""
    if len(name) <= room:
        return name
    return shorten(_EPU_ENDING.sub("", name), room)


def _cells(slot: "Slot", names: Mapping[int, str]) -> tuple[str, ...]:
    image = "" if slot.batch is None else names.get(slot.batch.image_id, "")
    progress = "" if slot.progress is None else f"{slot.progress:.0%}"
    since = describe_duration(max(time.time() - slot.since, 0)) if slot.since else ""
    return slot.name, slot.state.value, image, slot.script or "", progress, since


def _bar(snapshot: "Snapshot", width: int) -> "RenderableType":
    from rich.progress_bar import ProgressBar

    total = snapshot.ended + snapshot.running + snapshot.waiting
    return ProgressBar(total=max(total, 1), completed=snapshot.ended, width=min(60, width))
