"""Replay a session: write a folder's files again as an unkind microscope would have written them.

In pieces, out of order, with pauses in mid-file, under names that change at the end, some never
completed or written anew, and with the times of a computer whose clock is hours wrong.
"""

import os
import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

RECORDINGS = (".mrc", ".mrcs", ".tif", ".tiff", ".eer")
UNFINISHED = ".tmp"


class Act(StrEnum):
    """What is done to a file at some moment."""

    WRITE = "write"
    CLOSE = "close"
    RENAME = "rename"
    REWRITE = "rewrite"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How unkind the microscope is.

    Args:
        interval_s: From one recording to the next.
        writing_s: For so long a recording is being written, in chunks.
        chunks: In how many.
        out_of_order: Share of files that begin earlier or later than they should.
        late_s: By so much at most.
        paused: Share of recordings whose writing pauses in the middle.
        pause_s: For so long.
        renamed: Share of files that are written under another name and renamed.
        incomplete: Share of recordings that are never completed.
        rewritten: Share of MRC recordings that are written anew, with other counts.
        rewritten_after_s: So long after they were complete.
        duplicated: Share of recordings that are copied into a second folder.
        skew_s: The clock is wrong by so much at most, each file's in its own way.
    """

    interval_s: float = 0.05
    writing_s: float = 0.4
    chunks: int = 4
    out_of_order: float = 0.1
    late_s: float = 1.0
    paused: float = 0.05
    pause_s: float = 2.0
    renamed: float = 0.1
    incomplete: float = 0.02
    rewritten: float = 0.01
    rewritten_after_s: float = 6.0
    duplicated: float = 0.01
    skew_s: float = 3 * 3600.0


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One thing that the microscope does.

    Args:
        at_s: When, in seconds from the beginning.
        path: The file, below the folder.
        act: What.
        start: First byte that is written.
        stop: The byte behind the last one.
    """

    at_s: float
    path: str
    act: Act
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What will be done, and what must come of it.

    Args:
        steps: In the order of time.
        complete: Recordings that are whole at the end.
        incomplete: Those that never are.
        rewritten: Complete ones whose content is another one later.
        duplicated: Complete ones of which there is a copy.
        skews_s: By how much each file's clock is wrong.
        renamed: Files that get their names at the end.
    """

    steps: tuple[Step, ...]
    complete: frozenset[str]
    incomplete: frozenset[str]
    rewritten: frozenset[str]
    duplicated: frozenset[str]
    skews_s: Mapping[str, float]
    renamed: frozenset[str]


def measure_sizes(source: Path) -> dict[str, int]:
    """Return the sizes of all files below a folder, in bytes, in the order of their paths."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    return {str(path.relative_to(source)): path.stat().st_size for path in files}


def plan_replay(
    sizes: Mapping[str, int],
    settings: ReplaySettings,
    seed: int,
    recordings: Collection[str] | None = None,
) -> ReplayPlan:
    """Decide what the microscope will do; the same seed decides the same.

    Args:
        sizes: Sizes of files by path, in the order of recording. Other files than recordings, such
            as XML, are written at once, with the recording that follows them.
        settings: How unkind it is.
        seed: Decides which files are concerned.
        recordings: Which files are recordings; default: all that end like one.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    known = sizes if recordings is None else recordings
    written = [path for path in sizes if path in known and path.lower().endswith(RECORDINGS)]
    incomplete = _draw(chance, written, settings.incomplete)
    whole = [path for path in written if path not in incomplete]
    mrc = [path for path in whole if path.lower().endswith((".mrc", ".mrcs"))]
    rewritten = _draw(chance, mrc, settings.rewritten * len(written) / max(1, len(mrc)))
    rest = [path for path in whole if path not in rewritten]
    plan = ReplayPlan(
        steps=(),
        complete=frozenset(whole),
        incomplete=incomplete,
        rewritten=rewritten,
        duplicated=_draw(chance, rest, settings.duplicated),
        skews_s={path: chance.uniform(-settings.skew_s, settings.skew_s) for path in sizes},
        renamed=_draw(chance, whole, settings.renamed),
    )
    steps = _plan_steps(chance, sizes, settings, plan)
    return ReplayPlan(
        tuple(sorted(steps)), plan.complete, plan.incomplete, plan.rewritten, plan.duplicated,
        plan.skews_s, plan.renamed,
    )  # fmt: skip


def _draw(chance: random.Random, paths: list[str], share: float) -> frozenset[str]:
    return frozenset(chance.sample(paths, min(len(paths), round(share * len(paths)))))


def _plan_steps(
    chance: random.Random, sizes: Mapping[str, int], settings: ReplaySettings, plan: ReplayPlan
) -> list[Step]:
    steps: list[Step] = []
    begin_s = settings.late_s
    late = _draw(chance, list(sizes), settings.out_of_order)
    paused = _draw(chance, sorted(plan.complete), settings.paused)
    for path, size in sizes.items():
        recording = path in plan.complete or path in plan.incomplete
        off_s = chance.uniform(-settings.late_s, settings.late_s) if path in late else 0.0
        chunks = settings.chunks if recording else 1
        stop = max(1, int(size * chance.uniform(0.1, 0.95))) if path in plan.incomplete else size
        pause_s = settings.pause_s if path in paused else 0.0
        end_s = _plan_file(steps, path, stop, begin_s + off_s, chunks, settings, pause_s)
        if path in plan.incomplete:
            continue
        steps.append(Step(end_s, path, Act.CLOSE))
        if path in plan.renamed:
            steps.append(Step(end_s + 0.01, path, Act.RENAME))
        if path in plan.duplicated:
            steps.append(Step(end_s + settings.writing_s, path, Act.DUPLICATE))
        if path in plan.rewritten:
            steps.append(Step(end_s + settings.rewritten_after_s, path, Act.REWRITE, 0, size))
        begin_s += settings.interval_s if recording else 0.0
    return steps


def _plan_file(
    steps: list[Step],
    path: str,
    size: int,
    begin_s: float,
    chunks: int,
    settings: ReplaySettings,
    pause_s: float,
) -> float:
    """Add the steps that write one file; returns when that has ended."""
    marks = [size * number // chunks for number in range(chunks + 1)]
    at_s = begin_s
    for number in range(chunks):
        steps.append(Step(at_s, path, Act.WRITE, marks[number], marks[number + 1]))
        at_s += settings.writing_s / chunks
        if number == chunks // 2:
            at_s += pause_s
    return at_s


@dataclass(slots=True)
class Microscope:
    """Carries out a plan.

    Args:
        source: The folder that is written again.
        target: Where to.
        plan: What to do when.
        clock: Gives seconds that only go forward.
        sleep: Waits so many seconds.
    """

    source: Path
    target: Path
    plan: ReplayPlan
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    ended: dict[str, float] = field(default_factory=dict)
    """When the last byte of each complete recording was there, by the clock."""
    _open: dict[str, BinaryIO] = field(default_factory=dict)
    _next: int = 0
    _stopped: bool = False

    def play(self, speed: float = 1.0, until_s: float = float("inf")) -> None:
        """Do all that is due until some moment of the plan, so many times as quickly as planned."""
        started = self.clock() - (self._at_s() / speed if self._next else 0.0)
        while self._has_more(until_s):
            wait_s = started + self._at_s() / speed - self.clock()
            if wait_s > 0:
                self.sleep(wait_s)
            self._do(self.plan.steps[self._next])
            self._next += 1

    def stop(self) -> None:
        """End after the present step; may be called from another thread."""
        self._stopped = True

    def close(self) -> None:
        """Close what was never completed."""
        with ExitStack() as stack:
            for file in self._open.values():
                stack.enter_context(file)
            self._open.clear()

    def _has_more(self, until_s: float) -> bool:
        if self._stopped or self._next >= len(self.plan.steps):
            return False
        return self._at_s() < until_s

    def _at_s(self) -> float:
        return self.plan.steps[self._next].at_s

    def _do(self, step: Step) -> None:
        place = self._place(step.path)
        if step.act is Act.WRITE:
            self._write(step, place)
        elif step.act is Act.CLOSE:
            self._open.pop(step.path).close()
            self.ended[step.path] = self.clock()
        elif step.act is Act.RENAME:
            place.rename(self.target / step.path)
        elif step.act is Act.REWRITE:
            content = bytearray((self.source / step.path).read_bytes())
            content[-1] ^= 1
            (self.target / step.path).write_bytes(content)
        else:
            copy = self.target / "copied" / step.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((self.source / step.path).read_bytes())

    def _write(self, step: Step, place: Path) -> None:
        if step.path not in self._open:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._open[step.path] = place.open("wb")
        with (self.source / step.path).open("rb") as file:
            file.seek(step.start)
            piece = file.read(step.stop - step.start)
        self._open[step.path].write(piece)
        self._open[step.path].flush()
        moment = time.time() + self.plan.skews_s[step.path]
        os.utime(place, (moment, moment))

    def _place(self, path: str) -> Path:
        """Return where a file is being written."""
        ending = UNFINISHED if path in self.plan.renamed else ""
        return self.target / (path + ending)
