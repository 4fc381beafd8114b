"""The session: is it going well, and will the processing keep up."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass

from cryobatch.model.batch import BatchState
from cryobatch.project.forecast import SAMPLE, Forecast, Rates, make_forecast
from cryobatch.project.project import Project
from cryobatch.store.progress import (
    Flow,
    ImageCounts,
    count_images,
    first_moment,
    latest_done,
    measure_flow,
)
from cryobatch.store.watching import FileState

SPANS = 48
LONGEST_S = 24 * 3600.0
SHORTEST_S = 600.0
RATE_OVER_S = 900.0
"""Rates are those of the last quarter of an hour."""


@dataclass(frozen=True, slots=True)
class WatchState:
    """A watched folder in short.

    Args:
        id: Its number.
        folder: Its path.
        active: Whether it is followed.
        settling: Recordings that are still being written.
        incomplete: Recordings that lack something.
        failed: Recordings that cannot be used.
        trouble: What hinders the import there, None when nothing does.
    """

    id: int
    folder: str
    active: bool
    settling: int
    incomplete: int
    failed: int
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """How a session goes.

    Args:
        now: Seconds since the epoch.
        images: Counts of images.
        batches: Counts of batches by state.
        flow: What happened over time.
        backlog: Batches that waited or ran at the end of each of its spans.
        imported_an_hour: Rate of images registered.
        done_an_hour: Rate of batches that ended.
        submitted_an_hour: Rate of batches queued.
        seconds_left: Until the backlog is worked off if nothing more comes; None: nobody can tell.
        keeps_up: Whether as much ends as comes in; None: nothing happens.
        delay_s: From the last byte of a recording to its first result, median of the latest.
        disk_free_bytes: Room on the project's disk.
        disk_bytes: Size of that disk.
        forecast: What will be if all goes on as now.
        watches: Watched folders.
        paused: Whether a person has paused the queue.
        held: Why nothing is given out though nobody has paused it.
    """

    now: float
    images: ImageCounts
    batches: Mapping[BatchState, int]
    flow: Flow
    backlog: list[int]
    imported_an_hour: float
    done_an_hour: float
    submitted_an_hour: float
    seconds_left: float | None
    keeps_up: bool | None
    delay_s: float | None
    disk_free_bytes: int
    disk_bytes: int
    forecast: Forecast
    watches: list[WatchState]
    paused: bool
    held: str | None


def summarise(project: Project, now: float | None = None) -> Summary:
    """Return how a session goes; some hundredths of a second at 100,000 images."""
    now = time.time() if now is None else now
    with project.database.reading() as r:
        images = count_images(r)
        began = first_moment(r) or now
        reach = min(max(now - began, SHORTEST_S), LONGEST_S)
        flow = measure_flow(r, now - reach, reach / SPANS, SPANS)
        recent = measure_flow(r, now - RATE_OVER_S, RATE_OVER_S, 1)
        latest = latest_done(r, SAMPLE)
    batches = project.queue.counts()
    left = batches[BatchState.WAITING] + batches[BatchState.RUNNING]
    hours = min(RATE_OVER_S, max(now - began, 60.0)) / 3600.0
    ended = (recent.done[0] + recent.failed[0]) / hours
    coming = recent.submitted[0] / hours
    imported = recent.imported[0] / hours
    watches, delay = _look_at_watches(project)
    disk = shutil.disk_usage(project.place.folder)
    return Summary(
        now=now,
        images=images,
        batches=batches,
        flow=flow,
        backlog=flow.backlog(left),
        imported_an_hour=imported,
        done_an_hour=ended,
        submitted_an_hour=coming,
        seconds_left=left / ended * 3600.0 if left and ended else None,
        keeps_up=ended >= coming if ended or coming else None,
        delay_s=delay,
        disk_free_bytes=disk.free,
        disk_bytes=disk.total,
        forecast=make_forecast(
            project, latest, Rates(imported, coming, ended), left, (disk.total, disk.free)
        ),
        watches=watches,
        paused=project.queue.is_paused(),
        held=project.queue.why_held(),
    )


def _look_at_watches(project: Project) -> tuple[list[WatchState], float | None]:
    """Return watched folders in short, and the delay of the newest one that knows it."""
    states: list[WatchState] = []
    delay: float | None = None
    watching = project.watching
    for watched in watching.listing():
        report = watching.report(watched, limit=0)
        if report.delays.to_result is not None:
            delay = report.delays.to_result
        absent = watched.active and watched.status.get("state") == "absent"
        states.append(WatchState(
            watched.id, str(watched.folder), watched.active,
            int(watched.status.get("settling", 0)),
            report.counts[FileState.INCOMPLETE],
            report.counts[FileState.FAILED] + report.counts[FileState.REWRITTEN],
            "the folder is not there" if absent else None,
        ))  # fmt: skip
    return states, delay
