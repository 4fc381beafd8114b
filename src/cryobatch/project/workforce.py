"""The workforce: how many processors a project has, and what is wished of them."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psutil

from cryobatch.model.settings import ProcessorSettings
from cryobatch.project.doorbell import ring
from cryobatch.store import processors, queue
from cryobatch.store.database import Database
from cryobatch.store.processors import ProcessorRow
from cryobatch.store.settings import PROCESSORS, delete_setting, get_setting, put_setting

GIGABYTES_EACH = 3.0
"""What a processor may need for a movie of 40 frames of 4096 x 4096."""
PLACES_VARIABLE = "CRYOBATCH_PLACES"
"""Names another folder for the machine's places, such as for a container or a test."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What commands want of the daemon.

    Args:
        processors: How many processors, None: as at the start.
        cancelled: Running batches that shall be stopped.
        killed: Processors that shall be ended.
    """

    processors: int | None
    cancelled: tuple[int, ...]
    killed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workforce:
    """The processors of a project.

    Args:
        database: The project's database.
        settings: How they are made, project's and site's together.
        doorbell: Wakes the daemon.
    """

    database: Database
    settings: ProcessorSettings
    doorbell: Path

    def listing(self) -> list[ProcessorRow]:
        """Return what each processor does."""
        with self.database.reading() as r:
            return processors.listing(r)

    def wish_number(self, number: int) -> None:
        """Ask the daemon for another number of processors."""
        with self.database.transaction() as t:
            put_setting(t, PROCESSORS, number)
        ring(self.doorbell)

    def wish_kill(self, names: Collection[str]) -> tuple[str, ...]:
        """Ask the daemon to end processors; returns names that are none."""
        with self.database.transaction() as t:
            unknown = processors.request_kill(t, names)
        ring(self.doorbell)
        return unknown

    def read_wishes(self) -> Wishes:
        """Return what commands want of the daemon."""
        with self.database.reading() as r:
            number = get_setting(r, PROCESSORS)
            cancelled = tuple(batch.id for batch in queue.running(r) if batch.cancel)
            return Wishes(number, cancelled, processors.kill_requests(r))

    def forget_number(self) -> None:
        """Forget the wish of an earlier daemon's time."""
        with self.database.transaction() as t:
            delete_setting(t, PROCESSORS)

    def forget_kills(self, names: Collection[str]) -> None:
        """Note that these processors have been ended."""
        with self.database.transaction() as t:
            processors.forget_kills(t, names)

    def dismiss_all(self) -> None:
        """Show no processors any more: there is no daemon."""
        with self.database.transaction() as t:
            processors.show(t, ())

    def number(self, asked: int | None) -> int:
        """Return how many processors there should be."""
        if asked is not None:
            return asked
        cores = len(os.sched_getaffinity(0))  # a job of a cluster may not have all of them
        return self.settings.number or choose_number(cores, psutil.virtual_memory().total / 1e9)

    def threads_each(self, number: int) -> int:
        """Return how many cores each of so many processors may use."""
        cores = len(os.sched_getaffinity(0))
        return self.settings.threads or max(1, cores // max(number, 1))

    def machine_places(self, number: int) -> int:
        """Return how many batches may run at once on this machine, over all projects."""
        return self.settings.machine_limit or max(os.cpu_count() or 1, number)

    def environment(self, number: int) -> dict[str, str]:
        """Return the variables that keep libraries to a processor's cores."""
        threads = str(self.threads_each(number))
        names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return dict.fromkeys(names, threads)


def gate_folder() -> Path:
    """Return the folder of the machine's places: one for all users; it holds only locks."""
    return Path(os.environ.get(PLACES_VARIABLE) or "/tmp/cryobatch-places")  # noqa: S108


def choose_number(cores: int, memory_gb: float) -> int:
    """Return how many processors suit a machine: no more than its cores or its memory bear."""
    return max(1, min(cores, int(memory_gb / GIGABYTES_EACH)))
