"""The reaper: a small process that ends the processors when the daemon is killed.

It holds the read end of a pipe of the daemon and is told every process group that the daemon
starts. When the pipe ends, however the daemon did, it kills what is left.
"""

import os
import signal
import sys

from cryobatch.processing.survivors import kill_marked, kill_recorded


def follow(lifeline: int) -> dict[int, int]:
    """Read ``add GROUP TICKS`` and ``forget GROUP`` until the pipe ends; return what is left."""
    groups: dict[int, int] = {}
    with os.fdopen(lifeline, "r", encoding="ascii") as lines:
        for line in lines:
            verb, *numbers = line.split()
            if verb == "add" and len(numbers) == 2:
                groups[int(numbers[0])] = int(numbers[1])
            elif verb == "forget" and len(numbers) == 1:
                groups.pop(int(numbers[0]), None)
    return groups


def main() -> None:
    """Follow the lifeline on the given file descriptor; kill what also bears the given mark."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for group, ticks in follow(int(sys.argv[1])).items():
        kill_recorded(group, ticks)
    kill_marked(sys.argv[2])


if __name__ == "__main__":
    main()
