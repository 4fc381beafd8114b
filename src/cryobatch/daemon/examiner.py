"""The examiner: tells of a file in a watched folder whether it may be taken, or what it lacks."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryobatch.errors import BadInput
from cryobatch.importing import Recording
from cryobatch.importing.completeness import Proof, ProofState, prove
from cryobatch.importing.find import read_recording
from cryobatch.importing.layouts.pattern import NamePattern
from cryobatch.importing.watching.open_files import is_being_written
from cryobatch.importing.watching.settle import Doubt, Look, judge, look_at, pause_s
from cryobatch.importing.watching.waiting import Waiting
from cryobatch.model.event import Level
from cryobatch.project.watching import WatchedFolder
from cryobatch.store.text import storable
from cryobatch.store.watching import FileRow, FileState


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


class Examiner:
    """Examines files of one watched folder whose time has come."""

    def __init__(
        self,
        watched: WatchedFolder,
        waiting: Waiting,
        *,
        read_pattern: Callable[[], NamePattern | None],
        tell: Tell,
        local: bool,
        clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        Args:
            watched: Says how patient to be.
            waiting: What was observed of each file.
            read_pattern: Gives what reads facts from names.
            tell: Writes a line into the log.
            local: Whether the folder is on a local disk, where inodes and open files are known.
            clock: Gives seconds that only go forward.
            moment: Gives seconds since the epoch.
        """
        self._watched = watched
        self._waiting = waiting
        self._read_pattern = read_pattern
        self._tell = tell
        self._local = local
        self._clock = clock
        self._moment = moment

    def examine(self, path: str) -> Examined | FileRow | None:
        """Look at one file.

        Returns:
            It, where it may be taken; what a person should know of it where it lacks something;
            nothing where it is gone, is looked at again soon, or is no recording of its own.
        """
        waiting, orders = self._waiting, self._watched.orders
        place = self._watched.folder / path
        candidate = waiting.candidates[path]
        look = self._look(path)
        if look is None:
            return None
        candidate.observe(look, self._clock(), self._moment())
        quiet_s = self._clock() - candidate.changed_at
        if quiet_s < orders.patience.fast_s:
            waiting.postpone(path, orders.patience.fast_s - quiet_s)
            return None
        if waiting.has_movie(path) or waiting.metadata.of(path).is_stack(place):
            waiting.conclude(path, look)
            return None
        proof, doubts = self._prove(path)
        verdict = judge(quiet_s, proof, doubts, orders.patience)
        if not verdict.take:
            state = FileState.FAILED if verdict.unfit else FileState.INCOMPLETE
            return self.postpone(path, look, state, verdict.missing, verdict.again_s)
        try:
            recording = read_recording(place, waiting.metadata.of(path), self._read_pattern())
        except BadInput as error:
            return self.postpone(path, look, FileState.FAILED, str(error))
        return Examined(path, look, recording)

    def _look(self, path: str) -> Look | None:
        look = look_at(self._watched.folder / path)
        return look if look is None or self._local else (look[0], look[1], 0)

    def _prove(self, path: str) -> tuple[Proof, tuple[Doubt, ...]]:
        """Return what a file's bytes prove, and what else speaks against taking it."""
        place = self._watched.folder / path
        proof = prove(place)
        if proof.state in {ProofState.INCOMPLETE, ProofState.UNFIT}:
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

    def postpone(
        self, path: str, look: Look, state: FileState, missing: str, again_s: float = 0.0
    ) -> FileRow | None:
        """Look at a file again later; returns what a person should know of it."""
        candidate = self._waiting.candidates[path]
        missing = _without_path(missing, self._watched.folder / path)
        if not missing:
            self._waiting.postpone(path, again_s)
            return None
        pause = pause_s(candidate.attempts, self._watched.orders.patience)
        self._waiting.postpone(path, again_s or pause)
        candidate.attempts += 1
        if not candidate.listed:
            words = "is incomplete" if state is FileState.INCOMPLETE else "is not imported"
            place = storable(str(self._watched.folder / path))
            self._tell(f"{place} {words}: {missing}", Level.ERROR)
            self._waiting.list_missing(path)
        return FileRow(path, look, state, self._moment(), missing, written_at=candidate.written_at)


def _without_path(reason: str, place: Path) -> str:
    """Return a reason without the file's name before it: that stands beside it anyway."""
    for start in (str(place), storable(str(place))):
        reason = reason.removeprefix(start)
    return reason.removeprefix(":").lstrip()
