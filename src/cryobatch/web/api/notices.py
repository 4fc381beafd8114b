"""Notices in words: what somebody at the microscope should know at a glance."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryobatch.model.batch import BatchState
from cryobatch.project.session import Summary

ROW = 5
"""So many images in a row are no accident."""
DRIFT_ANGSTROM = 40.0
RESOLUTION_ANGSTROM = 8.0
FEW_PARTICLES = 5
LITTLE_ROOM = 0.1

Row = Mapping[str, object]
Rule = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that should be known.

    Args:
        level: "error" when work stands still, else "warning".
        text: In words.
        where: Expression that finds the images, None when it is about no images.
    """

    level: Literal["warning", "error"]
    text: str
    where: str | None = None


def find_notices(summary: Summary, rows: Sequence[Row]) -> list[Notice]:
    """Return what should be known, what stands still first.

    Args:
        summary: How the session goes.
        rows: The latest images, newest first, with their values.
    """
    return [*_about_work(summary), *_about_images(rows)]


def _about_work(summary: Summary) -> Iterator[Notice]:
    if summary.held is not None:
        yield Notice("error", f"Nothing is given out: {summary.held}")
    if summary.paused:
        yield Notice("warning", "The queue is paused: what waits will not begin.")
    waiting, running = (summary.batches[s] for s in (BatchState.WAITING, BatchState.RUNNING))
    idle = waiting and not running and not summary.done_an_hour
    if idle and summary.held is None and not summary.paused:
        yield Notice("error", f"{_count(waiting, 'batch')} wait, and nothing is worked on: see "
                     "the processors.")  # fmt: skip
    for watch in summary.watches:
        if watch.trouble is not None:
            yield Notice("error", f"Nothing is imported from {watch.folder}: {watch.trouble}")
        if watch.incomplete:
            yield Notice("warning", f"{_count(watch.incomplete, 'recording')} in {watch.folder} "
                           "lack something and are not imported.")  # fmt: skip
    if summary.images.failed:
        number = _count(summary.images.failed, "image")
        yield Notice("warning", f"{number} failed.", 'state == "failed"')
    if summary.keeps_up is False and len(summary.backlog) > 1:
        grown = summary.backlog[-1] - min(summary.backlog[-len(summary.backlog) // 4 :])
        if grown > ROW:
            yield Notice("warning", f"Processing does not keep up: {grown} batches more wait "
                           "than a while ago.")  # fmt: skip
    if summary.disk_free_bytes < LITTLE_ROOM * summary.disk_bytes:
        free = summary.disk_free_bytes / 1e9
        yield Notice("warning", f"Only {free:.0f} GB are free on the project's disk.")


def _about_images(rows: Sequence[Row]) -> Iterator[Notice]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("state") == "done":
            groups.setdefault(str(row["group"]), []).append(row)
    for group, found in groups.items():
        for name, is_bad, text in _RULES:
            known = [row for row in found if row.get(name) is not None]
            length = _streak(known, name, is_bad)
            if length >= ROW:
                ids = ", ".join(str(row["id"]) for row in known[:length][:200])
                yield Notice("warning", f"The last {length} images of {group} {text}.",
                               f"id in ({ids})")  # fmt: skip


def _is_more(limit: float) -> Rule:
    return lambda value: isinstance(value, int | float) and value > limit


def _is_less(limit: float) -> Rule:
    return lambda value: isinstance(value, int | float) and value < limit


_RULES: tuple[tuple[str, Rule, str], ...] = (
    ("drift_range", _is_more(DRIFT_ANGSTROM), f"drift more than {DRIFT_ANGSTROM:g} Å"),
    ("ctf_resolution", _is_more(RESOLUTION_ANGSTROM),
     f"have no good Thon rings: the CTF fits no further than {RESOLUTION_ANGSTROM:g} Å"),
    ("particle_count", _is_less(FEW_PARTICLES), f"have fewer than {FEW_PARTICLES} particles"),
    ("flag", lambda value: value == "red", "are flagged red"),
)  # fmt: skip


def _streak(rows: Sequence[Row], name: str, is_bad: Rule) -> int:
    """Return how many of the first rows are bad one after another."""
    for length, row in enumerate(rows):
        if not is_bad(row[name]):
            return length
    return len(rows)


def _count(number: int, noun: str) -> str:
    ending = "" if number == 1 else "es" if noun.endswith("h") else "s"
    return f"{number:,} {noun}{ending}"
