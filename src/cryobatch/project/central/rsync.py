"""rsync: brings files to a folder of this machine or of another."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cryobatch.errors import ProjectError
from cryobatch.project.central.carriers import (
    CopyStopped,
    TargetAwayError,
    check_readable,
    fetch_here,
    never,
    size_of,
)
from cryobatch.project.central.central_copy import CopyFile, Target

PARTIAL = ".rsync-partial"
SILENCE_S = 60
"""A connection over which nothing comes for so long is given up."""
SLOWEST_BYTES_A_S = 200_000
_POLL_S = 0.05
_ENDING_S = 10.0
_FILES_FAULT = {23, 24, 25}
"""rsync's codes for files of ours, see rsync(1); all others are the connection's or target's."""
_NOT_THERE = "(2)"
"""The system's number of that error stands at the end, in whatever language."""
_SHELL = "ssh -oBatchMode=yes -oConnectTimeout=15"
_OPTIONS = (
    "--copy-links", "--times", "--modify-window=-1", "--no-implied-dirs", "--omit-dir-times",
    "--protect-args", f"--partial-dir={PARTIAL}", f"--timeout={SILENCE_S}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RsyncCarrier:
    """Copies by rsync, which writes beside a file's place and renames at the end.

    Args:
        target: Where to.
        rate_mb_s: No faster than this; None: as fast as may be.
        stopped: Tells that it shall end early.
        environment: Variables besides our own.
        scratch: Folder for lists of files; None: the system's own.
    """

    target: Target
    rate_mb_s: float | None = None
    stopped: Callable[[], bool] = never
    environment: Mapping[str, str] = field(default_factory=dict)
    scratch: Path | None = None

    def carry(self, files: Sequence[CopyFile]) -> None:
        """Copy files, see ``Carrier``."""
        check_readable(files)
        with tempfile.TemporaryDirectory(prefix="cryobatch-", dir=self.scratch) as scratch:
            stage, names = Path(scratch) / "stage", Path(scratch) / "names"
            stage.mkdir()
            for file in files:
                place = stage / file.path
                place.parent.mkdir(parents=True, exist_ok=True)
                if not place.is_symlink():  # a group's file, once for all its images
                    place.symlink_to(file.source.absolute())
            names.write_bytes(b"".join(os.fsencode(file.path) + b"\0" for file in files))
            limit = [] if self.rate_mb_s is None else [f"--bwlimit={max(1, self._rate_kib())}"]
            command = ["rsync", *_OPTIONS, *limit, "--from0", f"--files-from={names}", "--",
                       f"{stage}/", self._place("")]  # fmt: skip
            self._judge(*self._run(command, size_of(files)))

    def fetch(self, path: str, place: Path) -> bool:
        """Copy a file back, see ``Carrier``."""
        if self.target.host is None:
            return fetch_here(Path(self.target.folder), path, place)
        command = ["rsync", *_OPTIONS, "--ignore-missing-args", "--", self._place(path), str(place)]
        code, reason = self._run(command, 0)
        if code in _FILES_FAULT and reason.endswith(_NOT_THERE):
            return False  # not even its folder
        self._judge(code, reason)
        return place.is_file()

    def _rate_kib(self) -> int:
        assert self.rate_mb_s is not None
        return round(self.rate_mb_s * 1e6 / 1024)

    def _place(self, path: str) -> str:
        folder = self.target.folder.rstrip("/")
        place = f"{folder}/{path}"
        return place if self.target.host is None else f"{self.target.host}:{place}"

    def _run(self, command: Sequence[str], size_bytes: int) -> tuple[int, str]:
        """Run it; returns its code, and the first line of what it said."""
        slowest = min(SLOWEST_BYTES_A_S, (self.rate_mb_s or 1e3) * 1e6)
        deadline = time.monotonic() + 10 * SILENCE_S + 2 * size_bytes / slowest
        with tempfile.TemporaryFile() as said:
            process = self._start(command, said)
            try:
                while process.poll() is None:
                    if self.stopped():
                        raise CopyStopped
                    if time.monotonic() > deadline:
                        raise TargetAwayError(f"{self.target}: rsync took too long and was ended")
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL_S)
            finally:
                _end(process)
            said.seek(0)
            lines = said.read(100_000).decode(errors="replace").strip().splitlines()
            return process.returncode, lines[0].removeprefix("rsync: ") if lines else "no reason"

    def _start(self, command: Sequence[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = {"RSYNC_RSH": _SHELL, **os.environ, "LC_ALL": "C", **self.environment}
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                env=environment, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise TargetAwayError(
                f"{self.target}: another host needs rsync, which is not installed here"
            ) from None
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)  # the images' work comes first
        return process

    def _judge(self, code: int, reason: str) -> None:
        if code:
            text = f"{self.target}: rsync: {reason} (code {code})"
            raise ProjectError(text) if code in _FILES_FAULT else TargetAwayError(text)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End rsync with its ssh; asked politely it keeps what has come of a file."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a dead disk may keep it
            process.wait(_ENDING_S)
