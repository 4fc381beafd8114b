"""The importer: scans watched folders beside the daemon's loop, and takes in what has settled."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.importing import Take
from cryobatch.importing.settle import Settling
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.registration import ImportReport
from cryobatch.project.submission import Choice

SCAN_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What an importer does.

    Args:
        folders: Where recordings appear.
        facts: Facts that hold whatever the recordings say.
        take: Whether recordings are linked to, copied or moved.
        choice: What shall be done to each new image.
    """

    folders: Sequence[Path]
    facts: Mapping[str, object] = field(default_factory=dict)
    take: Take = Take.LINK
    choice: Choice = field(default_factory=Choice)


class Importer:
    """Scans folders in a thread of its own, so that the dispatcher never waits for a disk."""

    def __init__(self, project: Project, watch: Watch) -> None:
        """Prepare.

        Args:
            project: Takes the images.
            watch: Where to look and what to do.
        """
        self._project = project
        self._watch = watch
        self._settling = Settling()
        self._told: set[str] = set()
        self.trouble: str | None = None
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="importer")

    def start(self) -> None:
        """Begin to scan."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present scan."""
        self._enough.set()
        self._thread.join()

    def scan(self) -> None:
        """Look through the folders once."""
        self.trouble = None
        for folder in self._watch.folders:
            if folder.is_dir():
                self._scan_folder(folder)
            else:
                self._tell(f"{folder} is not there: waiting for it", Level.WARNING)

    def _scan_folder(self, folder: Path) -> None:
        ready: list[Path] = []

        def skip(path: Path) -> bool:
            if self._settling.is_unready(path):
                return True
            ready.append(path)
            return False

        report = self._project.import_recordings(
            [folder], facts=self._watch.facts, take=self._watch.take,
            choice=self._watch.choice, skip=skip, patient=True,
        )  # fmt: skip
        # What was refused is looked at again: it may grow, or its metadata may come.
        waiting = {refused.path for refused in report.refused}
        for path in ready:
            if path not in waiting:
                self._settling.take(path)
        self._tell_about(folder, report)

    def _tell_about(self, folder: Path, report: ImportReport) -> None:
        if report.images:
            number = len(report.images)
            things = "recording" if number == 1 else "recordings"
            self._project.log_line(f"imported {number} {things} from {folder}")
        for refused in report.refused:
            self._tell(f"{refused.path}: {refused.reason}", Level.ERROR)
        for remark in report.remarks:
            self._tell(remark, Level.WARNING)

    def _tell(self, text: str, level: Level) -> None:
        """Write a line into the log, once; what hinders the import is kept for a display."""
        if level is Level.ERROR and self.trouble is None:
            self.trouble = text
        if text not in self._told:
            self._told.add(text)
            self._project.log_line(text, level)

    def _run(self) -> None:
        while True:
            try:
                self.scan()
            except CryobatchError as error:
                self._tell(str(error), Level.ERROR)
            except Exception as error:  # noqa: BLE001 - one step of a loop that must go on
                self._tell(f"the importer met {type(error).__name__}: {error}", Level.ERROR)
            if self._enough.wait(SCAN_INTERVAL_S):
                return
