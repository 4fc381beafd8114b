"""The copier: brings results to another place as they come, in a thread beside the loop."""

import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.model.settings import CopySettings
from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project
from cryobatch.project.central.carriers import Carrier, CopyStopped, TargetAwayError, size_of
from cryobatch.project.central.central_copy import (
    CopyFile,
    Target,
    check_what,
    plan_recording,
    plan_records,
    plan_results,
)
from cryobatch.project.central.copies import CentralCopy
from cryobatch.store.copies import DueImage

LOOK_INTERVAL_S = 2.0
REMOTE_INTERVAL_S = 10.0
"""Each look costs some connections: with another host, several images go together."""
LOOK_SHARE = 0.01
"""Looking through all images takes this share of a core at most."""
RECENT_S = 60.0
"""Images whose batches ended so long ago are found without looking through all."""
PAUSES_S = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0)
"""How long to wait after a failure, and after further ones in a row."""
AT_ONCE = 20
IN_A_ROW = 3
"""After so many images that could not be copied one after another the target is to blame."""
STOPPING_S = 20.0


class Copier:
    """Copies what is due; a target that is away costs nobody anything and is tried again."""

    def __init__(
        self,
        project: Project,
        *,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            project: Its results are copied, its log is told.
            environment: Variables for the programs that are started.
            clock: Gives seconds that only go forward.
        """
        self._project = project
        self._environment = environment or {}
        self._clock = clock
        self._settings: CopySettings | None = None
        self._requests = 0
        self._failures = 0
        self._not_before = self._whole_at = float("-inf")
        self._images: dict[int, tuple[int, float]] = {}
        self._trouble: str | None = None
        self._status: dict[str, object] = {}
        self._rested_since: float | None = None
        self._enough = threading.Event()
        self._awake = threading.Event()
        # A target that hangs in the kernel must not keep the daemon's process.
        self._thread = threading.Thread(target=self._run, name="copier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was copied of a file is kept."""
        self._enough.set()
        self._awake.set()
        self._thread.join(STOPPING_S)

    def has_rested_since(self, moment: float) -> bool:
        """Tell whether nothing that could be copied was left at a moment after the given one."""
        if self._project.settings.copying.to is None:
            return True
        if self._rested_since is not None and self._rested_since >= moment:
            return True
        self._awake.set()
        return False

    def step(self) -> float:
        """Copy some of what is due; returns after how many seconds to call again."""
        copy = self._project.central_copy
        self._follow_wishes(copy)
        start = self._clock()
        if start < self._not_before:
            self._rested_since = start
            return min(self._not_before - start, LOOK_INTERVAL_S)
        try:
            target = copy.target()
            if target is None:
                self._rest(start, "off")
                return LOOK_INTERVAL_S
            left = self._copy_some(copy, target)
        except CopyStopped:
            return LOOK_INTERVAL_S
        except CryobatchError as error:
            self._pause(str(error), "away" if isinstance(error, TargetAwayError) else "failed")
            return LOOK_INTERVAL_S
        if left:
            return 0.0
        self._rest(start, "idle")
        return LOOK_INTERVAL_S if target.host is None else REMOTE_INTERVAL_S

    def find_trouble(self) -> str | None:
        """Return why nothing is copied at present, None when nothing hinders it."""
        return self._trouble

    def _follow_wishes(self, copy: CentralCopy) -> None:
        """Try at once where settings have changed or a person asks for it."""
        requests = copy.requests()
        if copy.settings != self._settings or requests != self._requests:
            self._settings, self._requests = copy.settings, requests
            self._failures = 0
            self._not_before = self._whole_at = float("-inf")
            self._images.clear()

    def _copy_some(self, copy: CentralCopy, target: Target) -> bool:
        """Copy some images; returns whether there may be more."""
        now = self._clock()
        pausing = [one for one, (_, until) in self._images.items() if until > now]
        due = self._find_due(copy, pausing)
        if not due:
            return False
        check_what(copy.settings, self._project.catalog.scripts.values())
        carrier = copy.carrier(target, self._enough, self._environment)
        if copy.open(target, carrier):
            self._project.log.write(f"results are copied to {target}")
        if self._trouble is not None:
            self._project.log.write(f"{target} can be used again: results are copied")
        self._trouble, self._failures = None, 0
        self._show("copying")
        self._copy_images(copy, carrier, due)
        return True

    def _find_due(self, copy: CentralCopy, pausing: Collection[int]) -> list[DueImage]:
        """Look for what has just ended, and now and then for all that has changed."""
        now = self._clock()
        if now < self._whole_at:
            return copy.due(AT_ONCE, pausing, ended_since=time.time() - RECENT_S)
        due = copy.due(AT_ONCE, pausing)
        if not due:
            self._whole_at = now + max(LOOK_INTERVAL_S, (self._clock() - now) / LOOK_SHARE)
        return due

    def _copy_images(self, copy: CentralCopy, carrier: Carrier, due: Sequence[DueImage]) -> None:
        plans = {image: plan for image in due if (plan := self._plan(copy, image)) is not None}
        try:
            _carry(carrier, list(plans.values()))
        except TargetAwayError:
            raise
        except CryobatchError:
            self._copy_one_by_one(copy, carrier, plans)
        else:
            self._note(copy, plans)

    def _copy_one_by_one(
        self, copy: CentralCopy, carrier: Carrier, plans: Mapping[DueImage, "Plan"]
    ) -> None:
        """Find out which image it is that cannot be copied."""
        failed = 0
        for image, plan in plans.items():
            try:
                _carry(carrier, [plan])
            except TargetAwayError:
                raise
            except CryobatchError as error:
                failed += 1
                self._note_trouble(copy, image, str(error))
                if failed == IN_A_ROW:
                    raise
            else:
                failed = 0
                self._note(copy, {image: plan})

    def _plan(self, copy: CentralCopy, image: DueImage) -> "Plan | None":
        folder = self._project.place.image_folder(image.group, image.name)
        try:
            return plan_image(folder, copy.settings)
        except (CryobatchError, OSError) as error:
            self._note_trouble(copy, image, str(error))
            return None

    def _note(self, copy: CentralCopy, plans: Mapping[DueImage, "Plan"]) -> None:
        copied = []
        for image, plan in plans.items():
            self._images.pop(image.id, None)
            files = [*plan[0], *plan[1]]
            copied.append((image, len(files), size_of(files)))
        copy.note_copied(copied)

    def _note_trouble(self, copy: CentralCopy, image: DueImage, text: str) -> None:
        failures = self._images.get(image.id, (0, 0.0))[0]
        self._images[image.id] = (failures + 1, self._clock() + _pause_s(failures))
        copy.note_trouble(image, text)

    def _pause(self, text: str, state: str) -> None:
        """Wait for longer and longer; the log is told once."""
        pause_s = _pause_s(self._failures)
        self._failures += 1
        self._not_before = self._rested_since = self._clock() + pause_s
        self._show(state, text, time.time() + pause_s)
        if self._trouble is None:
            text = f"results are not copied: {text}; it is tried again and again"
            self._project.log.write(text, Level.WARNING)
        self._trouble = text

    def _rest(self, moment: float, state: str) -> None:
        self._rested_since = moment
        self._show(state)

    def _show(self, state: str, reason: str | None = None, again_at: float | None = None) -> None:
        status: dict[str, object] = {"state": state, "reason": reason, "again_at": again_at}
        if status != self._status:
            self._project.central_copy.note_status(status)
            self._status = status

    def _run(self) -> None:
        self._project.central_copy.sweep()
        while not self._enough.is_set():
            self._awake.clear()
            sleep_s = PAUSES_S[0]
            try:
                sleep_s = self.step()
            except CryobatchError:
                pass  # a database that is busy or has no room: tried again
            except Exception as error:  # noqa: BLE001 - one step of a loop that must go on
                traceback.print_exception(error)
                self._trouble = f"the copier met {type(error).__name__}: {error}"
            self._awake.wait(sleep_s)


Plan = tuple[list[CopyFile], list[CopyFile]]
"""Files of an image's results, and those that tell of them: copied last."""


def plan_image(folder: Path, settings: CopySettings) -> Plan:
    """Return what is copied of an image; a recording that is gone is left out."""
    record = read_record(folder)
    results = [file for file in plan_results(record, folder, settings) if file.source.exists()]
    if settings.recordings:
        recording = plan_recording(record, folder)
        if recording.source.is_file():
            results.append(recording)
    return results, plan_records(record, folder)


def _carry(carrier: Carrier, plans: Sequence[Plan]) -> None:
    for part in (0, 1):
        files = {file.path: file for plan in plans for file in plan[part]}
        if files:
            carrier.carry(list(files.values()))


def _pause_s(failures: int) -> float:
    return PAUSES_S[min(failures, len(PAUSES_S) - 1)]


def copy_all(project: Project, tell: Callable[[int], None]) -> str | None:
    """Copy all that is due, where no daemon does it.

    Args:
        project: The project.
        tell: Is told how many images are left.

    Returns:
        Why not all could be copied, None where they were.
    """
    copier = Copier(project)
    while copier.step() == 0.0:
        tell(project.central_copy.report(0).counts.due)
    return copier.find_trouble()
