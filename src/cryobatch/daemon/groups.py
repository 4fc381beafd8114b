"""Process groups: who must not survive the daemon, told to the reaper and kept on disk."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.processing.survivors import await_end, kill_marked, kill_recorded, start_ticks

ENDING_TIMEOUT_S = 5.0


class ProcessGroups:
    """The groups of this daemon's processors.

    The reaper ends them when the daemon is killed; should the reaper be killed too, the next
    daemon ends them by the record that is kept here.
    """

    def __init__(self, record: Path, mark: str) -> None:
        """Start the reaper.

        Args:
            record: File that keeps the groups for the next daemon.
            mark: How the marks of all processors of this project begin.
        """
        self._record = record
        self._mark = mark
        self._groups: dict[int, int] = {}
        self._start_reaper()

    def add(self, group: int) -> None:
        """Take note of a group that has been started."""
        ticks = start_ticks(group)
        if ticks is None:
            return
        self._groups[group] = ticks
        self._keep()
        self._tell(f"add {group} {ticks}\n")

    def forget(self, group: int) -> None:
        """Take note that a group has ended."""
        if self._groups.pop(group, None) is not None:
            self._keep()
            self._tell(f"forget {group}\n")

    def close(self) -> None:
        """End the reaper, which first ends what is left."""
        self._end_reaper()
        self._record.unlink(missing_ok=True)

    def _start_reaper(self) -> None:
        reader, self._lifeline = os.pipe()
        try:
            self._reaper = subprocess.Popen(
                [sys.executable, "-m", "cryobatch.daemon.reaper", str(reader), self._mark],
                pass_fds=[reader], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(reader)

    def _end_reaper(self) -> None:
        os.close(self._lifeline)
        try:
            self._reaper.wait(ENDING_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._reaper.kill()
            self._reaper.wait()

    def _tell(self, line: str) -> None:
        try:
            os.write(self._lifeline, line.encode("ascii"))
        except BrokenPipeError:  # somebody has killed the reaper
            self._end_reaper()
            self._start_reaper()
            everything = "".join(f"add {g} {ticks}\n" for g, ticks in self._groups.items())
            os.write(self._lifeline, everything.encode("ascii"))

    def _keep(self) -> None:
        # No fsync: after a power loss there is no process left to end. On a full disk the
        # reaper knows them all the same.
        with contextlib.suppress(OSError):
            write_bytes_durably(self._record, json.dumps(self._groups).encode(), fsync=False)


def end_survivors(record: Path, mark: str) -> None:
    """End the processors that a killed daemon has left behind, and wait until they are gone.

    Args:
        record: File that keeps their groups.
        mark: How their marks begin.
    """
    try:
        groups = {int(group): int(ticks) for group, ticks in json.loads(record.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        groups = {}
    for group, ticks in groups.items():
        kill_recorded(group, ticks)
    kill_marked(mark)
    for group, ticks in groups.items():
        if start_ticks(group) in {None, ticks}:
            await_end(group, ENDING_TIMEOUT_S)
    record.unlink(missing_ok=True)
