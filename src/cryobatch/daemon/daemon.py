"""The daemon: one loop that waits for processors, the doorbell and signals."""

import contextlib
import gc
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from cryobatch.daemon.disk_guard import DiskGuard
from cryobatch.daemon.gate import MachineGate
from cryobatch.daemon.groups import ProcessGroups, end_survivors
from cryobatch.daemon.lock import hold_lock
from cryobatch.daemon.staff import Staff, project_mark
from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.processing.dispatcher import Dispatcher
from cryobatch.processing.recovery import recover
from cryobatch.project import Project
from cryobatch.project.doorbell import Doorbell
from cryobatch.project.project import now_text
from cryobatch.project.workforce import gate_folder

POLL_INTERVAL_S = 0.1
RELOAD_INTERVAL_S = 0.5
MAX_FAULTS = 5
FAULT_PAUSE_S = 0.2
COLLECT_AFTER = 50_000
"""So many more objects than before let the garbage collector look at them."""

Tick = Callable[[Dispatcher], bool]
"""Is called after each round; True ends the daemon."""


@dataclass(slots=True)
class Signals:
    """SIGINT and SIGTERM, as something to wait for.

    Args:
        reader: Is ready when one has come.
        received: The last one.
    """

    reader: int
    received: int | None = None


class Daemon:
    """Works on one project until it is told to stop."""

    def __init__(
        self,
        project: Project,
        dispatcher: Dispatcher,
        staff: Staff,
        gate: MachineGate,
        guard: DiskGuard,
    ) -> None:
        """Take what ``open_daemon`` has prepared."""
        self._gate = gate
        self.guard = guard
        self.project = project
        self.dispatcher = dispatcher
        self._staff = staff
        self._data_version = -1
        self._reloaded_at = 0.0
        self._faults = 0

    def run(self, doorbell: Doorbell, signals: Signals, tick: Tick) -> None:
        """Go round until a signal comes or ``tick`` says that it is enough."""
        with _collecting_seldom():
            self._go_round(doorbell, signals, tick)

    def _go_round(self, doorbell: Doorbell, signals: Signals, tick: Tick) -> None:
        while signals.received is None:
            patience = 0.0 if self._staff.is_checking() else POLL_INTERVAL_S
            timeout = min(self.dispatcher.timeout_s(), patience)
            if (lull_s := self.dispatcher.lull_s()) > 0:
                wait([doorbell.fileno(), signals.reader], lull_s)
            descriptors = [*self.dispatcher.descriptors(), doorbell.fileno(), signals.reader]
            ready = wait(descriptors, timeout)
            rung = doorbell.fileno() in ready
            if rung:
                doorbell.silence()
            try:
                self._notice(rung)
                self._gate.shut(self.guard.look() is not None)
                self.dispatcher.step(ready)
            except Exception as error:
                if not self._survives(error):
                    raise
                wait([signals.reader], FAULT_PAUSE_S)
                continue
            self._faults = 0
            if not self.dispatcher.is_hungry():
                self._gate.rest()
            if tick(self.dispatcher):
                return

    def _survives(self, error: Exception) -> bool:
        """Record a fault of ours; after several in a row only a new start puts things right."""
        self._faults += 1
        text = f"a fault of cryobatch, please report it: {type(error).__name__}: {error}"
        traceback.print_exception(error)
        with contextlib.suppress(CryobatchError):
            self.project.log.write(text, Level.ERROR)
        return self._faults < MAX_FAULTS

    def _notice(self, rung: bool) -> None:
        """See what commands and hands have changed.

        The importer writes through our own connection, which the data version does not count: it
        rings.
        """
        version = self.project.database.data_version()
        commanded = rung or version != self._data_version
        self._data_version = version
        if commanded:
            self._staff.follow(self.dispatcher)
        now = time.monotonic()
        # Who submits after an edit means the edited script.
        if commanded or now - self._reloaded_at >= RELOAD_INTERVAL_S:
            self._reloaded_at = now
            self._staff.reload(self.dispatcher)
        self._staff.check_some()


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let the garbage collector look at new objects alone, and at many at a time.

    It looked at all modules again and again, for a ninth of the time that short batches took.
    """
    earlier = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *earlier[1:])
    try:
        yield
    finally:
        gc.set_threshold(*earlier)
        gc.unfreeze()


def wait(descriptors: Iterable[int], timeout_s: float) -> set[int]:
    """Return those of some file descriptors that become ready in time."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(timeout_s * 1000)}


@contextmanager
def open_daemon(
    project: Project, command: str, processors: int | None
) -> Iterator[tuple[Daemon, Doorbell, Signals]]:
    """Take a project's lock, put right what a killed daemon left, and prepare to work.

    Args:
        project: The project.
        command: What holds the lock, for others to read.
        processors: How many processors; None: as the settings say.

    Raises:
        ProjectBusyError: Another daemon works on the project.
    """
    with ExitStack() as stack:
        stack.enter_context(hold_lock(project.place.lock, command, now_text()))
        mark = project_mark(project)
        end_survivors(project.place.groups, mark)
        groups = ProcessGroups(project.place.groups, mark)
        stack.callback(groups.close)
        workforce = project.workforce
        number = workforce.number(processors)
        gate = MachineGate(gate_folder(), workforce.machine_places(number))
        stack.callback(gate.close)
        guard = DiskGuard(project)
        staff = Staff(project, groups, gate, processors, guard.note_full)
        plant = staff.plant()
        recover(project.database, plant, time.time())
        doorbell = Doorbell(project.place.doorbell)
        stack.callback(doorbell.close)
        signals = stack.enter_context(_catch_signals())
        dispatcher = Dispatcher(project.database, plant)
        workforce.dismiss_all()  # those of a killed daemon, and what was wished of them
        dispatcher.resize(number)
        stack.callback(workforce.dismiss_all)
        stack.callback(dispatcher.stop)
        yield Daemon(project, dispatcher, staff, gate, guard), doorbell, signals


@contextmanager
def _catch_signals() -> Iterator[Signals]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signals = Signals(reader)

    def catch(number: int, _: FrameType | None) -> None:
        signals.received = number

    earlier = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    earlier_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield signals
    finally:
        signal.set_wakeup_fd(earlier_wakeup)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
