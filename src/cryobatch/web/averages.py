"""Session averages for pages: made by a process of their own while somebody looks at them."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.imaging.averages import Average, find_common
from cryobatch.imaging.spectrum_picture import spectrum_picture
from cryobatch.imaging.thumbnail import encode_jpeg, grey_picture, thumbnail
from cryobatch.project.averages import IMAGES, Kept, Picture, Stage, place_of, read, tell

MODULE = "cryobatch.project.averaging"
REST_S = 60.0
"""From the end of a process to the next: it costs a second to find that nothing is due."""
END_S = 5.0


@dataclass(slots=True)
class Averager:
    """Has averages made, one process at a time.

    Args:
        project: The project's folder.
        clock: Gives seconds that only go forward.
    """

    project: Path
    clock: Callable[[], float] = time.monotonic
    _process: subprocess.Popen[bytes] | None = None
    _ended: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> bool:
        """Begin unless there is nothing to do; tells whether a process is at it."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._let_go(self._process)
            rested = self._ended is None or self.clock() - self._ended >= REST_S
            if self._process is None and rested:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", MODULE, str(self.project)],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            return self._process is not None

    def close(self) -> None:
        """End the process: what it has made is kept."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._let_go(self._process)

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(END_S)
        self._process, self._ended = None, self.clock()


@dataclass(slots=True)
class Shown:
    """Averages as they were read last, with what they show."""

    kept: Kept
    level: str
    text: str


@dataclass(slots=True)
class Averages:
    """Reads averages, each version once, and draws their pictures.

    Args:
        project: The project's folder.
    """

    project: Path
    _shown: dict[tuple[Stage, str], Shown] = field(default_factory=dict)
    _drawn: dict[tuple[Stage, Picture], tuple[str, bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def version(self, stage: Stage) -> str | None:
        """Return what changes with the averages, None where there are none."""
        try:
            status = place_of(self.project, stage).stat()
        except OSError:
            return None
        return f"{status.st_mtime_ns:x}-{status.st_size:x}"

    def describe(self, stage: Stage) -> dict[str, object]:
        """Return how many images are in the averages of a stage, and what they show in words."""
        version = self.version(stage)
        shown = self._read(stage, version)
        average = shown.kept.average
        if version is None or average is None:
            return {"version": None, "images": 0, "of": IMAGES, "passed": 0, "level": "",
                    "text": "", "rows": 0, "columns": 0}  # fmt: skip
        return {
            "version": version, "images": average.count, "of": IMAGES,
            "passed": len(shown.kept.passed), "level": shown.level, "text": shown.text,
            "rows": average.shape[0], "columns": average.shape[1],
        }  # fmt: skip

    def draw(self, stage: Stage, picture: Picture) -> tuple[str, bytes]:
        """Return the version and the JPEG of a picture; row 0 is at the bottom.

        Raises:
            BadInput: There are no averages yet.
        """
        version = self.version(stage)
        average = self._read(stage, version).kept.average
        if version is None or average is None:
            raise BadInput(f"there are no averages of {stage.value} images yet; ask again later")
        with self._lock:
            known = self._drawn.get((stage, picture))
            if known is None or known[0] != version:
                known = self._drawn[stage, picture] = version, draw_picture(average, picture)
            return known

    def _read(self, stage: Stage, version: str | None) -> Shown:
        if version is None:
            return Shown(Kept(), "", "")
        with self._lock:
            known = self._shown.get((stage, version))
            if known is None:
                known = _judge(stage, read(place_of(self.project, stage)))
                for old in [key for key in self._shown if key[0] is stage]:
                    del self._shown[old]
                self._shown[stage, version] = known
            return known


def _judge(stage: Stage, kept: Kept) -> Shown:
    if kept.average is None:
        return Shown(kept, "", "")
    return Shown(kept, *tell(stage, kept.average, find_common(kept.average)))


def draw_picture(average: Average, picture: Picture) -> bytes:
    """Return the JPEG of mean, variance or spectrum, its contrast stretched."""
    if picture is Picture.SPECTRUM:
        return encode_jpeg(
            grey_picture(spectrum_picture(average.spectrum, pixel_size_angstrom=1.0))
        )
    return encode_jpeg(thumbnail(average.mean if picture is Picture.MEAN else average.variance))
