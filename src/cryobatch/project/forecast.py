"""The forecast: when the backlog will be gone, and when the disk will be full."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cryobatch.errors import CryobatchError
from cryobatch.project.disk_limits import HOLD_BELOW, limit_bytes
from cryobatch.project.project import Project

SAMPLE = 12
"""So many of the latest images tell what one takes on the disk."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What happens in an hour.

    Args:
        imported: Images registered.
        submitted: Batches queued.
        ended: Batches that came to their end, however.
    """

    imported: float
    submitted: float
    ended: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be, if all goes on as now; None where nobody can tell, or it will not be.

    Args:
        caught_up_s: Until nothing waits any more, though batches come as they do now.
        filling_bytes_an_hour: By how much the project's disk fills.
        full_in_s: Until so little is left there that importing and processing are held.
    """

    caught_up_s: float | None
    filling_bytes_an_hour: float | None
    full_in_s: float | None


def find_caught_up(left: int, rates: Rates) -> float | None:
    """Return after how many seconds nothing waits, while batches come as they do now.

    >>> find_caught_up(100, Rates(imported=0, submitted=150, ended=200))
    7200.0
    """
    gain = rates.ended - rates.submitted
    return left / gain * 3600.0 if left and gain > 0 else None


def find_full(free_bytes: float, held_bytes: float, bytes_an_hour: float) -> float | None:
    """Return after how many seconds work is held for want of room, 0 when it is already.

    >>> find_full(free_bytes=110e9, held_bytes=10e9, bytes_an_hour=50e9)
    7200.0
    """
    if bytes_an_hour <= 0:
        return None
    return max(free_bytes - held_bytes, 0.0) / bytes_an_hour * 3600.0


def make_forecast(
    project: Project,
    images: Sequence[int],
    rates: Rates,
    left: int,
    disk: tuple[int, int],
) -> Forecast:
    """Return what will be.

    Args:
        project: The project.
        images: Some of the latest processed images.
        rates: What happens in an hour.
        left: Batches that wait or run.
        disk: All bytes of the project's disk, and those that are free.
    """
    whole, free = disk
    results, recordings = _measure(project, images[:SAMPLE])
    # Results come as batches end; a microscope that writes to the same disk fills it too.
    filling = results * rates.ended + recordings * rates.imported
    held = limit_bytes(project.settings.disk.hold_gb, HOLD_BELOW, whole)
    return Forecast(find_caught_up(left, rates), filling or None, find_full(free, held, filling))


def _measure(project: Project, images: Sequence[int]) -> tuple[float, float]:
    """Return what an image's folder takes, and what its recording takes elsewhere on that disk."""
    device = project.place.folder.stat().st_dev
    folders: list[int] = []
    recordings: list[int] = []
    for image in images:
        try:
            folder = project.images.folder(image)
            root = Path(project.images.record(image).image.root_file)
            folders.append(_size_below(folder))
            found = root.stat() if root.is_absolute() else None
        except (CryobatchError, OSError):
            continue  # moved or taken away a moment ago: the others tell as well
        if found is not None:
            recordings.append(found.st_size if found.st_dev == device else 0)
    return median(folders or [0]), median(recordings or [0])


def _size_below(folder: Path) -> int:
    return sum(
        (Path(where) / name).lstat().st_size
        for where, _, names in os.walk(folder)
        for name in names
    )
