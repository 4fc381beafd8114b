"""The reaper: a small process that ends the processors when the daemon is killed.

It holds the read end of a pipe of the daemon and is told every process group that the daemon
starts. When the pipe ends, however the daemon did, it kills the groups that are left.
Standard library only: it should cost next to nothing.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in the kernel's clock ticks since boot; None: it is gone.

    Source: proc(5), /proc/[pid]/stat, field 22.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])


def kill_recorded(group: int, ticks: int) -> bool:
    """Kill a process group unless its number has meanwhile passed to another one."""
    leader = start_ticks(group)
    if leader is not None and leader != ticks:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        return True
    return False


def follow(lifeline: int) -> None:
    """Read ``add GROUP TICKS`` and ``forget GROUP`` until the pipe ends, then kill the rest."""
    groups: dict[int, int] = {}
    with os.fdopen(lifeline, "r", encoding="ascii") as lines:
        for line in lines:
            verb, *numbers = line.split()
            if verb == "add" and len(numbers) == 2:
                groups[int(numbers[0])] = int(numbers[1])
            elif verb == "forget" and len(numbers) == 1:
                groups.pop(int(numbers[0]), None)
    for group, ticks in groups.items():
        kill_recorded(group, ticks)


def main() -> None:
    """Follow the lifeline on the given file descriptor."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    follow(int(sys.argv[1]))


if __name__ == "__main__":
    main()
