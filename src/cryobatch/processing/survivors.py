"""Survivors: finding and ending processes that must not outlive a processor or its daemon.

Standard library only: the reaper, which uses it, should cost next to nothing.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK_VARIABLE = "CRYOBATCH_PROCESSOR"
"""Marks a processor and all that it starts, also what has left its process group."""
_POLL_S = 0.01
_LOOKS = 10


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in the kernel's clock ticks since boot; None: it is gone.

    Source: proc(5), /proc/[pid]/stat, field 22.
    """
    fields = _read_status(pid)
    return None if fields is None else int(fields[19])


def kill_group(group: int) -> None:
    """Kill every process of a group; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def kill_recorded(group: int, ticks: int) -> None:
    """Kill a process group unless its number has meanwhile passed to another one."""
    leader = start_ticks(group)
    if leader is None or leader == ticks:
        kill_group(group)


def kill_marked(mark: str) -> None:
    """Kill every process whose mark begins so."""
    for _ in range(_LOOKS):  # again, for one may have started another while we looked
        found = find_marked(mark)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def find_marked(mark: str) -> list[int]:
    """Return the living processes whose mark begins so, but not this one."""
    wanted = f"{MARK_VARIABLE}={mark}".encode()
    return [
        pid
        for pid in _processes()
        if pid != os.getpid() and any(v.startswith(wanted) for v in _read_environment(pid))
    ]


def await_end(group: int, timeout_s: float) -> bool:
    """Wait until nobody of a killed group is alive; False when somebody still is."""
    deadline = time.monotonic() + timeout_s
    while any(_is_alive_in(pid, group) for pid in _processes()):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _is_alive_in(pid: int, group: int) -> bool:
    fields = _read_status(pid)
    return fields is not None and int(fields[2]) == group and fields[0] not in {"Z", "X"}


def _read_status(pid: int) -> list[str] | None:
    """Return the fields of /proc/[pid]/stat from the third on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return text.rpartition(")")[2].split()


def _read_environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
