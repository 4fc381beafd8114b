"""Daemons in processes of their own, and waiting for what they do."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryobatch.model import BatchState
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice

ROOT = Path(__file__).parents[2]
TEST_VARIABLE = "CRYOBATCH_TEST_MARK"
"""Marks everything that a test has started."""


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> float:
    """Wait until something holds; return how long that took, in seconds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < timeout_s, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(0.003)
    return time.monotonic() - start


@dataclass(slots=True)
class RunningDaemon:
    """A daemon in a process of its own.

    Args:
        process: The process.
        errors: Its standard error; a file, for a pipe would live as long as its last descendant.
    """

    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    @classmethod
    def start(
        cls, folder: Path, command: str = "serve", processors: int = 1, **environment: str
    ) -> "RunningDaemon":
        """Start it.

        Args:
            folder: The project.
            command: "serve" or "run".
            processors: How many.
            environment: Further variables.
        """
        arguments = [str(folder), command, str(processors)]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the daemon
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.daemon.daemon_child", *arguments],
            cwd=ROOT, stdin=subprocess.DEVNULL, stderr=errors,
            env={**os.environ, **environment},
        )  # fmt: skip
        return cls(process, errors)

    def kill(self) -> None:
        """Kill it as the kernel does when memory is out."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 20.0) -> str:
        """Ask it to stop, and return what it wrote to standard error."""
        self.process.send_signal(number)
        self.process.wait(timeout_s)
        return self.said()

    def finish(self, timeout_s: float = 100.0) -> int:
        """Wait until it ends by itself, and return its exit code."""
        self.process.wait(timeout_s)
        assert "Traceback" not in self.said(), self.said()
        return self.process.returncode

    def said(self) -> str:
        """Return what it has written to standard error."""
        self.errors.seek(0)
        return self.errors.read().decode()


def marked_processes(mark: str) -> list[int]:
    """Return all living processes that a test has started, by its mark."""
    wanted = f"{TEST_VARIABLE}={mark}".encode()
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (path / "environ").read_bytes().split(b"\0"):
                    found.append(int(path.name))
    return found


def named(mark: str, name: str) -> list[int]:
    """Return those of a test's processes that run a program of this name."""
    found = []
    for pid in marked_processes(mark):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(pid)
    return found


def submit(
    project: Project, *scripts: str, images: tuple[int, ...] = (), **options: object
) -> list[int]:
    """Put batches of all or some images into the queue and return their ids."""
    selection = Selection(images=images) if images else Selection(everything=True)
    choice = Choice(scripts=scripts, **options)  # type: ignore[arg-type]  # passed on
    report = project.submit(selection, choice)
    assert not report.refused
    return list(report.batches)


def states(project: Project) -> dict[int, BatchState]:
    """Return the state of every batch by its id."""
    return {row.batch.id: row.batch.state for row in project.queue.listing(tuple(BatchState))}


def count_of(project: Project, state: BatchState) -> int:
    """Return how many batches are in a state."""
    return project.queue.counts()[state]


def await_idle(project: Project, number: int) -> None:
    """Wait until so many processors are there and have nothing to do."""

    def all_idle() -> bool:
        rows = project.workforce.listing()
        return len(rows) == number and all(row.state == "idle" for row in rows)

    wait_for(all_idle, f"{number} idle processors")


def begun(folder: Path) -> list[Path]:
    """Return what the script ``patient`` has noted, one file for each time that it began."""
    return sorted(folder.glob("begun-*"), key=lambda path: path.stat().st_mtime_ns)
