"""The taker: examines files of a watched folder whose time has come, and takes in what is whole."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryobatch.errors import BadInput, UsageError
from cryobatch.importing import Found, Pace, Recording, Take
from cryobatch.importing.completeness import Proof, ProofState, prove
from cryobatch.importing.find import read_recording
from cryobatch.importing.open_files import is_being_written
from cryobatch.importing.settle import Doubt, Look, judge, look_at, pause_s
from cryobatch.importing.watch_waiting import Waiting
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.registration import ImportReport
from cryobatch.project.renewal import Renewal
from cryobatch.project.watching import WatchedFolder
from cryobatch.store import watching as store
from cryobatch.store.watching import FileRow, FileState

LINKED_AT_ONCE = 50
COPIED_AT_ONCE = 4
"""Few at a time: what has settled meanwhile should not wait long for its turn."""
MEGABYTE = 1e6
MOST_LACKING = 1000
"""So many images are remembered whose metadata may still come."""

Room = Callable[[int], str | None]
"""Tells why so many bytes more should not be written, None where they may."""


class Tell(Protocol):
    """Writes a line into the log."""

    def __call__(self, text: str, level: Level, *, once: bool = True) -> None:
        """Write it; ``once``: not if the same was written before."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A file that may be taken.

    Args:
        path: Below the watched folder.
        look: How it looked when it was examined.
        recording: What it says of itself.
    """

    path: str
    look: Look
    recording: Recording


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
        local: bool,
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
            local: Whether the folder is on a local disk, where inodes and open files are known.
            clock: Gives seconds that only go forward.
            moment: Gives seconds since the epoch.
        """
        self._project = project
        self._watched = watched
        self._waiting = waiting
        self._tell = tell
        self._room = room
        self._local = local
        self._clock = clock
        self._moment = moment
        rate = watched.orders.rate_mb_s
        self._pace = None if rate is None else Pace(rate * MEGABYTE)
        self._lacking: deque[str] = deque(maxlen=MOST_LACKING)

    def take_some(self) -> int:
        """Examine files whose time has come, and take those that are whole; returns how many."""
        linked = self._watched.orders.take is Take.LINK
        limit = LINKED_AT_ONCE if linked else COPIED_AT_ONCE
        due = self._waiting.take_due(limit)
        examined: list[Examined] = []
        rows: list[FileRow] = []
        for path in due:
            found = self._examine(path)
            if isinstance(found, Examined):
                examined.append(found)
            elif found is not None:
                rows.append(found)
        self._note(rows)
        if examined:
            self._take(examined)
        return len(due)

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
                recording = read_recording(place, companions, self._project.read_pattern())
                if Renewal(self._project.registrar, self._project.images).renew([recording]):
                    text = f"{place}: its image got facts from metadata that came later"
                    self._tell(text, Level.INFO)

    def _examine(self, path: str) -> Examined | FileRow | None:
        """Look at one file: returns it where it may be taken, or what it lacks for a person."""
        waiting, orders = self._waiting, self._watched.orders
        place = self._watched.folder / path
        candidate = waiting.candidates[path]
        look = self._look(path)
        if look is None:
            self._forget([path])
            return None
        candidate.observe(look, self._clock(), self._moment())
        quiet_s = self._clock() - candidate.changed_at
        if quiet_s < orders.patience.fast_s:
            waiting.postpone(path, orders.patience.fast_s - quiet_s)
            return None
        if waiting.has_movie(path):
            waiting.conclude(path, look)
            return None
        proof, doubts = self._prove(path)
        verdict = judge(quiet_s, proof, doubts, orders.patience)
        if not verdict.take:
            state = FileState.INCOMPLETE
            return self._postpone(path, look, state, verdict.missing, verdict.again_s)
        try:
            recording = read_recording(
                place, waiting.metadata.of(path), self._project.read_pattern()
            )
        except BadInput as error:
            return self._postpone(path, look, FileState.FAILED, str(error))
        return Examined(path, look, recording)

    def _look(self, path: str) -> Look | None:
        look = look_at(self._watched.folder / path)
        return look if look is None or self._local else (look[0], look[1], 0)

    def _prove(self, path: str) -> tuple[Proof, tuple[Doubt, ...]]:
        """Return what a file's bytes prove, and what else speaks against taking it."""
        place = self._watched.folder / path
        proof = prove(place)
        if proof.state is ProofState.INCOMPLETE:
            return proof, ()
        companions = self._waiting.metadata.of(path)
        expected = companions.expected_frames(place)
        if expected is not None:
            proof = prove(place, expected_frames=expected)
        doubts = self._waiting.doubts(path, companions.account(place).lacks)
        if self._local and is_being_written(place):
            patient_s = self._watched.orders.patience.patient_s
            doubts += (Doubt("a program has it open for writing", patient_s),)
        return proof, doubts

    def _postpone(
        self, path: str, look: Look, state: FileState, missing: str, again_s: float = 0.0
    ) -> FileRow | None:
        """Look at a file again later; returns what a person should know of it."""
        candidate = self._waiting.candidates[path]
        if not missing:
            self._waiting.postpone(path, again_s)
            return None
        pause = pause_s(candidate.attempts, self._watched.orders.patience)
        self._waiting.postpone(path, again_s or pause)
        candidate.attempts += 1
        if not candidate.listed:
            words = "is incomplete" if state is FileState.INCOMPLETE else "is not imported"
            self._tell(f"{self._watched.folder / path} {words}: {missing}", Level.ERROR)
            self._waiting.list_missing(path)
        return FileRow(path, look, state, self._moment(), missing, written_at=candidate.written_at)

    def _take(self, examined: Sequence[Examined]) -> None:
        fresh, rows = self._sort_out(examined)
        self._note(rows)
        for row in rows:
            self._waiting.conclude(row.path, row.look)
        if not fresh:
            return
        orders = self._watched.orders
        size = 0 if orders.take is Take.LINK else sum(item.look[0] for item in fresh)
        hindrance = self._room(size)
        if hindrance is not None:
            self._put_back(fresh)
            self._tell(hindrance, Level.ERROR)
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
        fresh, rows = [], []
        for item in examined:
            row = before.get(item.path)
            if row is None or row.state not in {FileState.IMPORTED, FileState.REWRITTEN}:
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
                row = self._postpone(item.path, item.look, FileState.FAILED, reason)
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
