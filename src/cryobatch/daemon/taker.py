"""The taker: takes files of a watched folder into the project, and notes what became of each."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cryobatch.daemon.examiner import Examined, Examiner, Tell
from cryobatch.daemon.renaming import follow_rename
from cryobatch.daemon.turns import Turns
from cryobatch.errors import BadInput, UsageError
from cryobatch.importing import Found, Pace, Take
from cryobatch.importing.find import read_recording
from cryobatch.importing.layouts.pattern import NamePattern
from cryobatch.importing.watching.waiting import Waiting
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.registration import ImportReport
from cryobatch.project.renewal import Renewal
from cryobatch.project.selection import Selection
from cryobatch.project.watching import WatchedFolder
from cryobatch.store import library, queue
from cryobatch.store import watching as store
from cryobatch.store.watching import FileRow, FileState

LINKED_AT_ONCE = 50
COPIED_AT_ONCE = 4
"""Few at a time: what has settled meanwhile should not wait long for its turn."""
TURN_S = 0.5
"""Of large files one at a time is copied: its folder is looked at again after each."""
MEGABYTE = 1e6
CAREFUL_S = 60.0
"""After a fault files are taken one by one for so long: then only the one that causes it waits."""
MOST_LACKING = 1000
"""So many images are remembered whose metadata may still come."""

Room = Callable[[int], str | None]
"""Tells why so many bytes more should not be written, None where they may."""


class Taker:
    """Takes files of one watched folder into the project, and notes what became of each."""

    def __init__(
        self,
        project: Project,
        watched: WatchedFolder,
        waiting: Waiting,
        *,
        tell: Tell,
        room: Room,
        is_stopped: Callable[[], bool],
        local: bool,
        turns: Turns,
        clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        Args:
            project: Takes the images.
            watched: What shall be done.
            waiting: Says which files' time has come.
            tell: Writes a line into the log.
            room: Says whether there is room for copies.
            is_stopped: Tells whether a copy shall be left in its middle.
            local: Whether the folder is on a local disk, where inodes and open files are known.
            turns: Gives the turn to other folders while something is copied.
            clock: Gives seconds that only go forward.
            moment: Gives seconds since the epoch.
        """
        self._project = project
        self._watched = watched
        self._waiting = waiting
        self._tell = tell
        self._room = room
        self._clock = clock
        self._moment = moment
        rate = float("inf") if watched.orders.rate_mb_s is None else watched.orders.rate_mb_s
        self._turns = turns
        self._pace = Pace(rate * MEGABYTE, is_stopped=is_stopped, aside=turns.aside)
        self._copied_at_once = 1
        self._careful_until = float("-inf")
        self.hindrance = ""
        """Why nothing could be taken the last time, empty while all is well."""
        self._examiner = Examiner(
            watched, waiting, read_pattern=self._read_pattern, tell=tell, local=local,
            clock=clock, moment=moment,
        )  # fmt: skip
        self._lacking: deque[str] = deque(maxlen=MOST_LACKING)

    def take_some(self) -> int:
        """Examine files whose time has come, and take those that are whole; returns how many."""
        linked = self._watched.orders.take is Take.LINK
        limit = LINKED_AT_ONCE if linked else self._copied_at_once
        start = self._clock()
        due = self._waiting.take_due(1 if self._clock() < self._careful_until else limit)
        try:
            self._take_due(due)
        except BaseException:
            # Whatever it was: nothing may be forgotten, and one file must not stop all others.
            self._careful_until = self._clock() + CAREFUL_S
            self._waiting.put_off(due, alone=len(due) == 1)
            raise
        if due:
            each_s = (self._clock() - start) / len(due)
            fitting = COPIED_AT_ONCE if each_s <= 0 else int(TURN_S / each_s)
            self._copied_at_once = max(1, min(fitting, COPIED_AT_ONCE))
        return len(due)

    def _take_due(self, due: Sequence[str]) -> None:
        examined: list[Examined] = []
        rows: list[FileRow] = []
        gone: list[str] = []
        for path in due:
            found = self._examiner.examine(path)
            if isinstance(found, Examined):
                examined.append(found)
            elif found is not None:
                rows.append(found)
            elif self._waiting.is_gone(path):
                gone.append(path)
        self._forget(gone)
        self._note(rows)
        if examined:
            self._take(examined)

    def forget_gone(self) -> None:
        """Forget files that lacked something and are there no more."""
        states = (FileState.INCOMPLETE, FileState.FAILED)
        with self._project.database.reading() as r:
            listed = [row.path for row in store.files(r, self._watched.id, states)]
        self._forget(self._waiting.find_gone(listed))

    def renew(self) -> None:
        """Give images that were taken without their metadata what these tell, if they have come."""
        for path in list(self._lacking):
            place, companions = self._watched.folder / path, self._waiting.metadata.of(path)
            account = companions.account(place)
            if account.lacks or not account.files:
                continue
            self._lacking.remove(path)
            with suppress(BadInput):  # a recording that is gone
                recording = read_recording(place, companions, self._read_pattern())
                if Renewal(self._project.registrar, self._project.images).renew([recording]):
                    text = f"{place}: its image got facts from metadata that came later"
                    self._tell(text, Level.INFO)

    def _read_pattern(self) -> NamePattern | None:
        return self._project.read_pattern(self._watched.orders.pattern)

    def _take(self, examined: Sequence[Examined]) -> None:
        fresh, rows = self._sort_out(examined)
        self._note(rows)
        for row in rows:
            self._waiting.conclude(row.path, row.look)
        with self._turns.claiming([item.recording for item in fresh]) as free:
            chosen = [item for item, is_free in zip(fresh, free, strict=True) if is_free]
            self._put_back(item for item, is_free in zip(fresh, free, strict=True) if not is_free)
            if chosen:
                self._take_fresh(chosen)

    def _take_fresh(self, fresh: Sequence[Examined]) -> None:
        orders = self._watched.orders
        size = 0 if orders.take is Take.LINK else sum(item.look[0] for item in fresh)
        self.hindrance = self._room(size) or ""
        if self.hindrance:
            self._put_back(fresh)
            self._tell(self.hindrance, Level.ERROR)
            return
        try:
            report = self._project.take_in(
                Found(tuple(item.recording for item in fresh)), facts=orders.facts,
                take=orders.take, choice=orders.choice, submit=orders.submit, patient=True,
                pace=self._pace,
            )  # fmt: skip
        except UsageError as error:  # the orders do not fit these recordings
            refused = {item.recording.path: str(error) for item in fresh}
            self._conclude(fresh, ImportReport(), refused)
        except BaseException:
            self._put_back(fresh)
            raise
        else:
            self._conclude(fresh, report, {item.path: item.reason for item in report.refused})

    def _put_back(self, examined: Iterable[Examined]) -> None:
        for item in examined:
            self._waiting.postpone(item.path, self._watched.orders.patience.fast_s)

    def _sort_out(self, examined: Sequence[Examined]) -> tuple[list[Examined], list[FileRow]]:
        """Return what is new, and of what was taken before how it is now."""
        names = [item.path for item in examined if self._waiting.was_taken(item.path)]
        with self._project.database.reading() as r:
            before = store.find_files(r, self._watched.id, names)
            images = library.find_by_path(r, [str(item.recording.path) for item in examined])
        fresh, rows = [], []
        for item in examined:
            row = before.get(item.path)
            if row is None or row.state not in {FileState.IMPORTED, FileState.REWRITTEN}:
                row = self._find_unnoted(item, images.get(str(item.recording.path)))
            if row is None:
                row = follow_rename(self._project, self._watched, self._waiting, item)
            if row is None:
                fresh.append(item)
                continue
            same = row.source_id == item.recording.source_id
            state, reason = (FileState.IMPORTED, "") if same else self._tell_rewritten(item, row)
            rows.append(
                FileRow(
                    item.path,
                    item.look,
                    state,
                    row.noted_at,
                    reason,
                    row.source_id,
                    row.image_id,
                    row.written_at,
                )
            )
        return fresh, rows

    def _find_unnoted(self, item: Examined, image: tuple[int, str] | None) -> FileRow | None:
        """Return what a kill has kept us from noting of a file that was written anew since.

        One that is as it was is known by its content, and taken like any other.
        """
        if image is None or image[1] == item.recording.source_id:
            return None
        image_id, source_id = image
        orders = self._watched.orders
        with self._project.database.reading() as r:
            forgotten = orders.submit and queue.images_without_batches(r, [image_id])
        if forgotten:
            choice = replace(orders.choice, parameters=None)  # they are kept with the image
            self._project.submit(Selection(images=(image_id,)), choice)
        state = FileState.IMPORTED
        return FileRow(item.path, item.look, state, self._moment(), "", source_id, image_id)

    def _tell_rewritten(self, item: Examined, row: FileRow) -> tuple[FileState, str]:
        reason = (
            f"it was written anew after it had become image {row.image_id}, and is not imported "
            "again; 'cryobatch import' of this file makes another image of it"
        )
        self._tell(f"{item.recording.path}: {reason}", Level.WARNING)
        return FileState.REWRITTEN, reason

    def _conclude(
        self, examined: Sequence[Examined], report: ImportReport, refused: Mapping[Path, str]
    ) -> None:
        now = self._moment()
        rows: list[FileRow] = []
        for item in examined:
            image_id = report.placed.get(item.recording.path)
            if image_id is None:
                reason = refused.get(item.recording.path, "the import said nothing of it")
                row = self._examiner.postpone(item.path, item.look, FileState.FAILED, reason)
                rows += [] if row is None else [row]
                continue
            written_at = self._waiting.candidates[item.path].written_at
            rows.append(
                FileRow(
                    item.path,
                    item.look,
                    FileState.IMPORTED,
                    now,
                    "",
                    item.recording.source_id,
                    image_id,
                    written_at,
                )
            )
        self._note(rows)
        for row in rows:
            if row.state is FileState.IMPORTED:
                self._waiting.conclude(row.path, row.look)
        for item in examined:
            if item.recording.lacks or not item.recording.metadata:
                self._lacking.append(item.path)
        self._tell_report(examined, report, refused)

    def _tell_report(
        self, examined: Sequence[Examined], report: ImportReport, refused: Mapping[Path, str]
    ) -> None:
        if report.images:
            number = len(report.images)
            things = "recording" if number == 1 else "recordings"
            self._tell(
                f"imported {number} {things} from {self._watched.folder}", Level.INFO, once=False
            )
        for item in examined:  # such as a source that could not be deleted after its move
            path = item.recording.path
            if path in report.placed and path in refused:
                self._tell(f"{path}: {refused[path]}", Level.ERROR)
        for remark in report.remarks:
            self._tell(remark, Level.WARNING)

    def _note(self, rows: Sequence[FileRow]) -> None:
        if rows:
            with self._project.database.transaction() as t:
                store.put_files(t, self._watched.id, rows)

    def _forget(self, paths: Sequence[str]) -> None:
        listed = [path for path in paths if self._waiting.was_taken(path)]
        for path in paths:
            self._waiting.conclude(path, None)
        if listed:
            with self._project.database.transaction() as t:
                store.forget_unimported(t, self._watched.id, listed)
