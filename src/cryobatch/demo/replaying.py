"""Import a session that is replayed: whether each complete recording comes in, once."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryobatch.daemon.work import Outcome, Snapshot, serve
from cryobatch.demo.replay import (
    Microscope,
    ReplayPlan,
    ReplaySettings,
    measure_sizes,
    plan_replay,
)
from cryobatch.demo.session import DEMONSTRATION, MICROSCOPE_FOLDER
from cryobatch.errors import ProjectError, UsageError
from cryobatch.importing.find import find_recordings
from cryobatch.importing.watching.settle import PATIENT_S
from cryobatch.project import Project
from cryobatch.project.watching import Orders, WatchReport

LONGEST_WAIT_S = 4 * PATIENT_S
"""After the last byte: what has not been noted by then is a fault."""

Display = Callable[[Project], AbstractContextManager[Callable[[Snapshot], None]]]


@dataclass(frozen=True, slots=True)
class ReplayVerdict:
    """What came of a replay.

    Args:
        outcome: How the daemon ended.
        plan: What was replayed.
        report: What became of the files.
        missing: Complete recordings that are no images.
        surplus: Images that are none of these, or are there twice.
    """

    outcome: Outcome
    plan: ReplayPlan
    report: WatchReport
    missing: tuple[str, ...]
    surplus: tuple[str, ...]


def play_replay(
    folder: Path,
    source: Path,
    settings: ReplaySettings,
    seed: int,
    *,
    processors: int | None,
    display: Display,
) -> ReplayVerdict:
    """Write a folder's files again while cryobatch imports them; nothing is queued.

    Args:
        folder: The project's folder; the files are written in it too.
        source: What is replayed; it is only read.
        settings: How unkind the microscope is.
        seed: Decides which files are concerned.
        processors: How many processors; None: as the settings say.
        display: Opens what takes a snapshot about twice a second.

    Raises:
        ProjectError: There is something in the folder already.
        UsageError: There is no recording in the source.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is not empty: remove it, or choose another with --folder")
    plan = plan_replay(measure_sizes(source), settings, seed, _find_recordings(source))
    if not plan.complete:
        raise UsageError(f"{source}: there is no recording in it to replay")
    target = folder / MICROSCOPE_FOLDER / source.resolve().name
    target.mkdir(parents=True)
    with Project.create(folder, name=DEMONSTRATION) as project, display(project) as show:
        watched = project.watching.add(target, Orders(submit=False), active=False)
        with _Replay(Microscope(source, target, plan)) as replay:

            def enough(_: Snapshot) -> bool:
                noted = project.watching.report(watched, 0).counts
                return replay.is_over(sum(noted.values()))

            outcome = serve(
                project, processors=processors, show=show, session=[watched.id], enough=enough
            )
        report = project.watching.report(watched)
        return _judge(outcome, plan, report, [str(row["name"]) for row in project.images.rows()])


def _find_recordings(source: Path) -> set[str]:
    """Return the paths of what an import would take: no gain references, no stacks of a series."""
    place = source.resolve()
    found = find_recordings([place]).recordings
    return {str(recording.path.relative_to(place)) for recording in found}


class _Replay:
    """A microscope at work in a thread."""

    def __init__(self, microscope: Microscope) -> None:
        self._microscope = microscope
        self._ended_at: float | None = None
        self._thread = threading.Thread(target=self._play, name="microscope", daemon=True)
        plan = microscope.plan
        self._expected = len(plan.complete) + len(plan.incomplete) + len(plan.duplicated)

    def __enter__(self) -> "_Replay":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._microscope.stop()
        self._thread.join()
        self._microscope.close()

    def is_over(self, noted: int) -> bool:
        """Tell whether all was written and so many files noted as there should be."""
        if self._ended_at is None:
            return False
        late = time.monotonic() - self._ended_at > LONGEST_WAIT_S
        return noted >= self._expected or late

    def _play(self) -> None:
        self._microscope.play()
        self._ended_at = time.monotonic()


def _judge(
    outcome: Outcome, plan: ReplayPlan, report: WatchReport, names: list[str]
) -> ReplayVerdict:
    wanted = sorted(PurePosixPath(path).stem for path in plan.complete)
    missing, surplus = list(wanted), []
    for name in names:
        if name in missing:
            missing.remove(name)
        else:
            surplus.append(name)
    return ReplayVerdict(outcome, plan, report, tuple(missing), tuple(surplus))
