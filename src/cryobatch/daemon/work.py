"""Working: what ``cryobatch run`` and ``cryobatch serve`` do."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from cryobatch.daemon.copier import Copier
from cryobatch.daemon.daemon import Tick, open_daemon
from cryobatch.daemon.disk_guard import DiskGuard
from cryobatch.daemon.importer import Importer
from cryobatch.daemon.sentry import Sentry
from cryobatch.daemon.staff import project_mark
from cryobatch.model.batch import BatchState
from cryobatch.processing.dispatcher import Dispatcher
from cryobatch.processing.survivors import MARK_VARIABLE
from cryobatch.project import Project
from cryobatch.store.queue import QueueRow
from cryobatch.web.process import WebProcess, WebSettings

COUNT_INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the work goes, for a display.

    Args:
        dispatcher: The processors as they are.
        waiting: Batches that wait.
        running: Batches that run.
        ended: Batches that have ended since the start.
        failed: Those of them that have failed.
        seconds: Time since the start.
        paused: Whether no batches are given out.
        import_trouble: What hinders the import, None when nothing does.
        held: Why nothing begins though nobody has paused it, such as a full disk.
    """

    dispatcher: Dispatcher
    waiting: int
    running: int
    ended: int
    failed: int
    seconds: float
    paused: bool
    import_trouble: str | None = None
    held: str | None = None

    @property
    def images_an_hour(self) -> float:
        """Return the rate so far."""
        return self.ended / self.seconds * 3600 if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return when it will have ended at this rate, None when nobody can tell."""
        if not self.ended:
            return None
        return (self.waiting + self.running) * self.seconds / self.ended


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended.

    Args:
        done: Batches that were done.
        failed: Batches that have failed.
        waiting: Batches that still wait.
        stopped_by: The signal that ended it, None when the queue was empty.
    """

    done: int
    failed: Sequence[QueueRow]
    waiting: int
    stopped_by: int | None


@dataclass(slots=True)
class Overseer:
    """Counts what has ended, seldom enough to cost nothing.

    Args:
        project: The project.
        show: Takes each snapshot.
        started_at: Seconds since the epoch.
    """

    project: Project
    show: Callable[[Snapshot], None]
    started_at: float = field(default_factory=time.time)
    _counted_at: float = 0.0
    _before: dict[BatchState, int] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    importer: Importer | None = None
    guard: DiskGuard | None = None
    copier: Copier | None = None
    _empty_since: float | None = None

    def __post_init__(self) -> None:
        self._before = self.project.queue.counts()

    def look(self, dispatcher: Dispatcher, *, at_once: bool = False) -> Snapshot:
        """Count again if that is due, and show it."""
        now = time.monotonic()
        if self.snapshot is None or at_once or now - self._counted_at >= COUNT_INTERVAL_S:
            self._counted_at = now
            self.snapshot = self._count(dispatcher)
            self.show(self.snapshot)
        return self.snapshot

    def has_ended(self, dispatcher: Dispatcher) -> bool:
        """Tell whether the queue is empty, and all results that can be copied were copied."""
        if dispatcher.is_resting():
            counts = self.project.queue.counts()
            if not counts[BatchState.WAITING] and not counts[BatchState.RUNNING]:
                self._empty_since = self._empty_since or time.monotonic()
                return self.copier is None or self.copier.has_rested_since(self._empty_since)
        self._empty_since = None
        return False

    def _count(self, dispatcher: Dispatcher) -> Snapshot:
        counts = self.project.queue.counts()
        done = counts[BatchState.DONE] - self._before[BatchState.DONE]
        failed = counts[BatchState.FAILED] - self._before[BatchState.FAILED]
        return Snapshot(
            dispatcher=dispatcher,
            waiting=counts[BatchState.WAITING],
            running=counts[BatchState.RUNNING],
            ended=done + failed,
            failed=failed,
            seconds=time.time() - self.started_at,
            paused=self.project.queue.is_paused(),
            import_trouble=None if self.importer is None else self.importer.trouble,
            held=None if self.guard is None else self.guard.reason,
        )


def never(_: Snapshot) -> bool:
    """Tell that it is not time to stop."""
    return False


def run_queue(
    project: Project, *, processors: int | None, show: Callable[[Snapshot], None]
) -> Outcome:
    """Work the queue until it is empty.

    Args:
        project: The project.
        processors: How many processors; None: as the settings say.
        show: Takes a snapshot about twice a second.

    Raises:
        ProjectBusyError: Another daemon works on the project.
    """
    overseer = Overseer(project, show)

    def tick(dispatcher: Dispatcher) -> bool:
        overseer.look(dispatcher)
        return overseer.has_ended(dispatcher)

    return _work(project, "run", processors, overseer, tick)


def serve(
    project: Project,
    *,
    processors: int | None,
    show: Callable[[Snapshot], None],
    session: Collection[int] = (),
    enough: Callable[[Snapshot], bool] = never,
    web: WebSettings | None = None,
    tell: Callable[[str], None] = print,
) -> Outcome:
    """Work the queue until a signal comes, and import from the watched folders.

    Args:
        project: The project.
        processors: How many processors; None: as the settings say.
        show: Takes a snapshot about twice a second.
        session: Watched folders that are followed besides those that are started.
        enough: Tells of a snapshot whether it is time to stop.
        web: Where the web interface listens; None: there is none.
        tell: Takes the address of the web interface, which holds its token.

    Raises:
        ProjectBusyError: Another daemon works on the project.
    """
    overseer = Overseer(project, show)
    website = None if web is None else WebProcess(project, web)

    def tick(dispatcher: Dispatcher) -> bool:
        if website is not None:
            website.look_after()
        return enough(overseer.look(dispatcher))

    with ExitStack() as stack:

        def begin() -> None:
            if website is not None:
                stack.callback(website.stop)
                tell(website.start())

        return _work(project, "serve", processors, overseer, tick, session, begin)


def _work(
    project: Project,
    command: str,
    processors: int | None,
    overseer: Overseer,
    tick: Tick,
    session: Collection[int] | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Outcome:
    with open_daemon(project, command, processors) as (daemon, doorbell, signals), ExitStack() as s:
        begin()
        overseer.guard = daemon.guard
        if session is not None:
            room = daemon.guard.lacks_room
            importer = overseer.importer = Importer(project, session, room=room)
            importer.start()
            s.callback(importer.stop)
        # The reaper ends what the copier has started when we are killed.
        environment = {MARK_VARIABLE: f"{project_mark(project)}copier/"}
        copier = overseer.copier = Copier(project, environment=environment)
        copier.start()
        s.callback(copier.stop)
        sentry = Sentry(project)
        sentry.start()
        s.callback(sentry.stop)
        overseer.look(daemon.dispatcher)
        daemon.run(doorbell, signals, tick)
        sentry.stop()
        overseer.look(daemon.dispatcher, at_once=True)
    return _conclude(project, overseer, signals.received)


def _conclude(project: Project, overseer: Overseer, stopped_by: int | None) -> Outcome:
    snapshot = overseer.snapshot
    assert snapshot is not None
    failed = project.queue.listing(states=(BatchState.FAILED,), limit=snapshot.failed or 0)
    waiting = project.queue.counts()[BatchState.WAITING]
    return Outcome(snapshot.ended - snapshot.failed, failed, waiting, stopped_by)
