"""Process groups: who must not survive the daemon, told to the reaper and kept on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

from cryobatch.daemon.reaper import kill_recorded, start_ticks
from cryobatch.formats.atomic import write_bytes_durably

ENDING_TIMEOUT_S = 5.0


class ProcessGroups:
    """The groups of this daemon's processors.

    The reaper ends them when the daemon is killed; should the reaper be killed too, the next
    daemon ends them by the record that is kept here.
    """

    def __init__(self, record: Path) -> None:
        """Start the reaper.

        Args:
            record: File that keeps the groups for the next daemon.
        """
        self._record = record
        self._groups: dict[int, int] = {}
        reader, self._lifeline = os.pipe()
        try:
            self._reaper = subprocess.Popen(
                [sys.executable, "-m", "cryobatch.daemon.reaper", str(reader)],
                pass_fds=[reader], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(reader)

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
        os.close(self._lifeline)
        self._reaper.wait(ENDING_TIMEOUT_S)
        self._record.unlink(missing_ok=True)

    def _tell(self, line: str) -> None:
        try:
            os.write(self._lifeline, line.encode("ascii"))
        except BrokenPipeError:
            return  # the reaper was killed: the record on disk remains

    def _keep(self) -> None:
        # No fsync: after a power loss there is no process left to end.
        write_bytes_durably(self._record, json.dumps(self._groups).encode(), fsync=False)


def end_survivors(record: Path) -> int:
    """End the processors that a killed daemon has left behind; return how many groups."""
    try:
        groups = json.loads(record.read_text())
    except (OSError, ValueError):
        return 0
    ended = sum(kill_recorded(int(group), int(ticks)) for group, ticks in groups.items())
    record.unlink(missing_ok=True)
    return ended
