"""Local processors: persistent child processes of the daemon, each with a group of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

import psutil

from cryobatch.processing.orders import BatchOrder, Setup, to_json
from cryobatch.processing.processors import Message
from cryobatch.processing.survivors import MARK_VARIABLE, kill_group, kill_marked
from cryobatch.processing.tray import Tray
from cryobatch.processing.wire import Wire, write_orders

ENDING_TIMEOUT_S = 10.0


class LocalProcessor:
    """A child process that runs ``cryobatch.processing.processor``."""

    def __init__(
        self,
        setup: Setup,
        *,
        mark: str,
        environment: Mapping[str, str],
        on_end: Callable[[int], None],
    ) -> None:
        """Start the process; it says ``up`` when it is ready.

        Args:
            setup: What it is told before its first batch.
            mark: Marks it and all that it starts.
            environment: Variables besides the daemon's own.
            on_end: Is told its process group when it has ended.
        """
        ours, theirs = socket.socketpair()
        self._tray = Tray()
        self._handed = 1
        descriptors = [theirs.fileno(), self._tray.reader]
        program = [sys.executable, "-m", "cryobatch.processing.processor"]
        try:
            self._process = subprocess.Popen(
                [*program, *map(str, descriptors)], pass_fds=descriptors, stdin=subprocess.DEVNULL,
                start_new_session=True, env={**os.environ, **environment, MARK_VARIABLE: mark},
            )  # fmt: skip
        except BaseException:
            ours.close()
            self._tray.close()
            raise
        finally:
            theirs.close()
        self._wire = Wire(ours)
        self.group = self._process.pid
        self._mark = mark
        self._on_end = on_end
        self.send({"setup": to_json(setup)})

    @property
    def host(self) -> str:
        """Return this machine's name."""
        return socket.gethostname()

    @property
    def pid(self) -> int | None:
        """Return the process's id."""
        return self._process.pid

    def fileno(self) -> int:
        """Return what becomes ready when it has said something, or is gone."""
        return self._wire.fileno()

    def send(self, message: Message) -> None:
        """Tell it something; nothing happens when it is gone: its loss is seen elsewhere."""
        self._send([message])

    def hand(self, orders: Sequence[BatchOrder]) -> None:
        """Give it batches, to begin with when it is done with those before."""
        numbers = range(self._handed, self._handed + len(orders))
        self._handed = numbers.stop
        self._tray.put(numbers)  # first: without leave an order counts as taken back
        self._send(
            {"do": "run", "number": number, "order": to_json(order)}
            for number, order in zip(numbers, orders, strict=True)
        )

    def has_room(self) -> bool:
        """Tell whether it has read so much that it can be handed more."""
        with contextlib.suppress(OSError):
            return self._wire.post()
        return False

    def take_back(self) -> int:
        """Take back the batches that it has not begun; return how many of the latest these are."""
        return self._tray.take_back()

    def hear(self, patience_s: float = 0.0) -> tuple[Sequence[Message], bool]:
        """Return what it has said, and whether it is gone; for that it may be waited."""
        return self._wire.receive_all(patience_s)

    def memory_bytes(self) -> int:
        """Return the resident size of it and all that it has started."""
        try:
            leader = psutil.Process(self._process.pid)
            processes = [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        total = 0
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def kill(self) -> None:
        """Kill it with all that it has started; its loss is heard on its wire."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # First it stands still: it must not see its program die, and call that a failure.
            os.kill(self._process.pid, signal.SIGSTOP)
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        kill_group(self.group)

    def end(self) -> str:
        """Kill the group before its leader is reaped, so that its number is still its own."""
        self.kill()
        kill_marked(self._mark)  # what has left the group, when nobody is its parent any more
        self._wire.close()
        self._tray.close()
        try:
            code = self._process.wait(ENDING_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return "it hangs in the kernel and cannot be ended"
        self._on_end(self.group)
        return describe_end(code)

    def _send(self, messages: Iterable[Message]) -> None:
        with contextlib.suppress(OSError):
            self._wire.post(write_orders(messages))


def describe_end(code: int) -> str:
    """Tell in words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"signal {-code} ({name})"


def gpu_environment(number: int, gpus_each: int) -> dict[str, str]:
    """Return the variable that gives a processor its GPUs.

    Args:
        number: Which processor it is, from 0.
        gpus_each: GPUs that each processor owns.
    """
    first = number * gpus_each
    owned = ",".join(str(gpu) for gpu in range(first, first + gpus_each))
    return {"CUDA_VISIBLE_DEVICES": owned} if gpus_each else {}
