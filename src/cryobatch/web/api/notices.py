"""Notices in words: what somebody at the microscope should know at a glance."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryobatch.model.batch import BatchState
from cryobatch.project.session import Summary

ROW = 5
"""So many images in a row are no accident."""
FEW_PARTICLES = 5
MOST_FAULTS = 3
"""So many wrong parameters are told one by one."""
LITTLE_ROOM = 0.1
SOON_H = 24.0
"""A disk that is full by this time tomorrow is told of."""

Row = Mapping[str, object]
Rule = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that should be known.

    Args:
        level: "error" when work stands still, else "warning".
        text: In words.
        where: Expression that finds the images, None when it is about no images.
        page: The page that shows more, None when it is the Library with these images.
    """

    level: Literal["warning", "error"]
    text: str
    where: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on images in a row are told of: as for their amber flags.

    Args:
        drift_angstrom: Largest range of drift.
        resolution_angstrom: Worst CTF resolution.
        ice: Largest ice ring.
        defocus_angstrom: Smallest and largest defocus.
    """

    drift_angstrom: float = 30.0
    resolution_angstrom: float = 6.0
    ice: float = 1.1
    defocus_angstrom: tuple[float, float] = (2_000.0, 70_000.0)


def find_notices(
    summary: Summary,
    rows: Sequence[Row],
    limits: Limits | None = None,
    faults: Sequence[str] = (),
) -> list[Notice]:
    """Return what should be known, what stands still first.

    Args:
        summary: How the session goes.
        rows: The latest images, newest first, with their values.
        limits: From where on values are bad; None: the usual ones.
        faults: Wrong parameters in settings' files, in words.
    """
    return [
        *_about_work(summary), *_about_faults(faults), *_about_disk(summary),
        *_about_images(rows, limits or Limits()),
    ]  # fmt: skip


def _about_faults(faults: Sequence[str]) -> Iterator[Notice]:
    for text in faults[:MOST_FAULTS]:
        yield Notice("error", text, page="/settings#problems")
    if len(faults) > MOST_FAULTS:
        more = _count(len(faults) - MOST_FAULTS, "more wrong parameter")
        yield Notice("error", f"{more} in files of settings.", page="/settings#problems")


def _about_work(summary: Summary) -> Iterator[Notice]:
    if summary.held is not None:
        yield Notice("error", f"Nothing is given out: {summary.held}", page="/settings#disk")
    if summary.paused:
        text = "The queue is paused: what waits will not begin."
        yield Notice("warning", text, page="/queue")
    waiting, running = (summary.batches[s] for s in (BatchState.WAITING, BatchState.RUNNING))
    idle = waiting and not running and not summary.done_an_hour
    if idle and summary.held is None and not summary.paused:
        yield Notice("error", f"{_count(waiting, 'batch')} wait, and nothing is worked on.",
                     page="/processors")  # fmt: skip
    for watch in summary.watches:
        if watch.trouble is not None:
            yield Notice("error", f"Nothing is imported from {watch.folder}: {watch.trouble}")
        if watch.incomplete:
            yield Notice("warning", f"{_count(watch.incomplete, 'recording')} in {watch.folder} "
                           "lack something and are not imported.")  # fmt: skip
    if summary.images.failed:
        number = _count(summary.images.failed, "image")
        yield Notice("warning", f"{number} failed.", 'state == "failed"', "/failures")
    if summary.keeps_up is False and len(summary.backlog) > 1:
        grown = summary.backlog[-1] - min(summary.backlog[-len(summary.backlog) // 4 :])
        if grown > ROW:
            pace = f"{summary.submitted_an_hour:.0f} an hour come, {summary.done_an_hour:.0f} end"
            yield Notice("warning", f"Processing does not keep up: {grown} batches more wait than "
                           f"a while ago ({pace}).", page="/processors")  # fmt: skip


def _about_disk(summary: Summary) -> Iterator[Notice]:
    if summary.disk_free_bytes < LITTLE_ROOM * summary.disk_bytes:
        free = summary.disk_free_bytes / 1e9
        yield Notice("warning", f"Only {free:.0f} GB are free on the project's disk.")
    full, filling = summary.forecast.full_in_s, summary.forecast.filling_bytes_an_hour
    if summary.held is None and full is not None and filling and full < SOON_H * 3600:
        when = f"{full / 3600:.0f} h" if full >= 5400 else f"{full / 60:.0f} min"
        text = f"The disk is full in about {when} at this rate ({filling / 1e9:.3g} GB an hour)"
        yield Notice("warning", f"{text}; then importing and processing are held.",
                       page="/settings#disk")  # fmt: skip


def _about_images(rows: Sequence[Row], limits: Limits) -> Iterator[Notice]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("state") == "done":
            groups.setdefault(str(row["group"]), []).append(row)
    for group, found in groups.items():
        for name, is_bad, text in _rules(limits):
            known = [row for row in found if row.get(name) is not None]
            length = _streak(known, name, is_bad)
            if length >= ROW:
                ids = ", ".join(str(row["id"]) for row in known[:length][:200])
                said = f"The last {length} images from {_say_group(group)} {text}."
                yield Notice("warning", said, f"id in ({ids})")


def _is_more(limit: float) -> Rule:
    return lambda value: isinstance(value, int | float) and value > limit


def _is_less(limit: float) -> Rule:
    return lambda value: isinstance(value, int | float) and value < limit


def _is_outside(low: float, high: float) -> Rule:
    return lambda value: isinstance(value, int | float) and not low <= value <= high


def _rules(limits: Limits) -> tuple[tuple[str, Rule, str], ...]:
    """Return which values are bad, by name, and what is said of images that have them."""
    low, high = limits.defocus_angstrom
    return (
        ("drift_range", _is_more(limits.drift_angstrom),
         f"drift more than {limits.drift_angstrom:g} Å"),
        ("ctf_resolution", _is_more(limits.resolution_angstrom),
         f"have poor Thon rings: the CTF fits no further than {limits.resolution_angstrom:g} Å"),
        ("ice_ring", _is_more(limits.ice), "show crystalline ice"),
        ("defocus_u", _is_outside(low, high),
         f"are not focused between {low / 1e4:g} and {high / 1e4:g} µm"),
        ("particle_count", _is_less(FEW_PARTICLES), f"have fewer than {FEW_PARTICLES} particles"),
        ("flag", lambda value: value == "red", "are flagged red"),
    )  # fmt: skip


def _say_group(group: str) -> str:
    """Return a group as a person calls it.

    >>> _say_group("GridSquare_5"), _say_group("monday")
    ('grid square 5', 'monday')
    """
    found = re.fullmatch(r"GridSquare_(\w+)", group)
    return f"grid square {found[1]}" if found else group


def _streak(rows: Sequence[Row], name: str, is_bad: Rule) -> int:
    """Return how many of the first rows are bad one after another."""
    for length, row in enumerate(rows):
        if not is_bad(row[name]):
            return length
    return len(rows)


def _count(number: int, noun: str) -> str:
    ending = "" if number == 1 else "es" if noun.endswith("h") else "s"
    return f"{number:,} {noun}{ending}"
