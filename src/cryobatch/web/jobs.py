"""Jobs: orders that take long; they run on while pages come and go, and tell how far they are."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cryobatch.errors import ConflictError, CryobatchError, UnknownNameError
from cryobatch.project.progress import Done

TELL_INTERVAL_S = 0.5
KEPT = 20
"""So many that have ended are kept, for a page that was away meanwhile."""
AT_ONCE = 4
END_S = 5.0

Result = dict[str, object]
Work = Callable[[Done], Result]


class JobState(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class _Stopped(Exception):  # noqa: N818 - no error
    """Somebody has stopped the job."""


@dataclass(slots=True)
class Job:
    """One of them.

    Args:
        kind: What it is, such as "export", for pages that show it in their own way.
        title: What it does, in words.
        may_stop: Whether it can be stopped, with nothing half done.
        after_stop: What holds when it has been stopped, in words.
        done: How much is done.
        of: Of how much; 0: nobody knows.
        result: What the order has answered.
        error: Why it has failed, in words.
    """

    kind: str
    title: str
    may_stop: bool
    after_stop: str = "nothing is changed"
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    state: JobState = JobState.RUNNING
    done: int = 0
    of: int = 0
    result: Result | None = None
    error: str = ""
    stopping: bool = False


@dataclass(slots=True)
class Jobs:
    """Runs jobs, each in a thread of its own, and remembers the latest.

    Args:
        tell: Is called, from any thread, when something has changed.
        clock: Gives seconds that only go forward.
    """

    tell: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    _jobs: dict[str, Job] = field(default_factory=dict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _told_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(
        self,
        kind: str,
        title: str,
        work: Work,
        *,
        may_stop: bool = False,
        after_stop: str = "nothing is changed",
    ) -> Job:
        """Begin a job.

        Raises:
            ConflictError: The same is being done already, or too much at once.
        """
        job = Job(kind, title, may_stop, after_stop)
        with self._lock:
            running = [one for one in self._jobs.values() if one.state is JobState.RUNNING]
            if any((one.kind, one.title) == (kind, title) for one in running):
                raise ConflictError(f"{title}: is being done already; wait until it has ended")
            if len(running) >= AT_ONCE:
                raise ConflictError(f"{title}: {AT_ONCE} others are being done; wait for one")
            self._forget_old()
            self._jobs[job.id] = job
            thread = threading.Thread(target=self._run, args=(job, work), daemon=True)
            self._threads[job.id] = thread
        thread.start()
        return job

    def listing(self) -> list[Job]:
        """Return those that run and the latest that have ended, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def find(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            UnknownNameError: There is none, or none any more.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise UnknownNameError("job", job_id, self._jobs)
            return self._jobs[job_id]

    def stop(self, job_id: str) -> Job:
        """Have a job end before all is done: its ``after_stop`` says what holds then.

        Raises:
            UnknownNameError: There is none.
            ConflictError: It would leave half of its work, or has ended.
        """
        job = self.find(job_id)
        if not job.may_stop or job.state is not JobState.RUNNING:
            raise ConflictError(f"{job.title}: cannot be stopped any more; wait until it has ended")
        job.stopping = True
        return job

    def close(self) -> None:
        """End them with the application; what is begun anew goes on where they were."""
        with self._lock:
            threads = list(self._threads.values())
            for job in self._jobs.values():
                job.stopping = True
        until = self.clock() + END_S
        for thread in threads:
            thread.join(max(0.0, until - self.clock()))

    def _forget_old(self) -> None:
        ended = [key for key, one in self._jobs.items() if one.state is not JobState.RUNNING]
        for key in ended[: max(0, len(ended) - KEPT + 1)]:
            del self._jobs[key]
            self._threads.pop(key, None)

    def _run(self, job: Job, work: Work) -> None:
        def note(done: int, of: int) -> None:
            if job.stopping:
                raise _Stopped
            job.done, job.of = done, of
            if self.clock() - self._told_at >= TELL_INTERVAL_S:
                self._told_at = self.clock()
                self.tell()

        self.tell()
        state = JobState.FAILED
        try:
            job.result = work(note)
            state = JobState.DONE
        except _Stopped:
            state = JobState.STOPPED
        except CryobatchError as error:
            job.error = str(error)
        except OSError as error:
            job.error = f"{job.title}: {error}; look at the disk and do it again"
        finally:
            if state is JobState.FAILED and not job.error:
                job.error = f"{job.title}: a fault of cryobatch, told where it was started"
            job.state = state
            self.tell()
