"""Commits: making staged results part of an image, in steps that survive a kill at any of them."""

import contextlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import Executor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cryobatch.errors import CryobatchError, SettingsError
from cryobatch.formats import parameter_file
from cryobatch.formats.atomic import sync_folder
from cryobatch.model.image import ImageRecord
from cryobatch.processing.history import HISTORY_FOLDER
from cryobatch.processing.image_folder import (
    PARAMETER_FILE,
    Identity,
    ImageLocks,
    identify,
    read_record,
)
from cryobatch.processing.orders import StagedResult
from cryobatch.processing.workspace import write_staged


class Step(Protocol):
    """A step of a commit, known by its name."""

    __name__: str

    def __call__(self, folder: Path, result: StagedResult, /) -> None:
        """Take it for a result of an image."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit has made.

    Args:
        base: Identity of the new parameter file.
        merged: The record, when it differs from the staged one because somebody had changed the
            parameter file meanwhile; else None.
    """

    base: Identity
    merged: ImageRecord | None


@dataclass(slots=True)
class _Commit:
    """A commit that is being made.

    Args:
        folder: The image's folder.
        result: What is staged for it.
        merged: As in ``Committed``.
        error: Why it cannot go on.
    """

    folder: Path
    result: StagedResult
    merged: ImageRecord | None = None
    error: CryobatchError | OSError | None = None

    def begin(self, locks: ImageLocks, wait: bool) -> None:
        """Take the image's lock and bring in what somebody else has changed."""
        try:
            locks.take(self.folder, wait=wait)
            if identify(self.folder) != self.result.base:
                self.merged, self.result = _merge(self.folder, self.result)
        except (CryobatchError, OSError) as error:
            self.error = error

    def take(self, step: Step) -> None:
        """Take a step, unless something has gone wrong before."""
        if self.error is None:
            try:
                step(self.folder, self.result)
            except (CryobatchError, OSError) as error:
                self.error = error

    def conclude(self) -> Committed | CryobatchError | OSError:
        """Return what came of it."""
        if self.error is not None:
            return self.error
        try:
            return Committed(identify(self.folder), self.merged)
        except CryobatchError as error:
            return error


def sync_record(folder: Path, result: StagedResult) -> None:
    """Wait until the staged parameter file is on the disk; what it speaks of is there already."""
    descriptor = os.open(result.record, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_history(folder: Path, result: StagedResult) -> None:
    """Move the earlier run's history to its place."""
    if result.history is None:
        return
    source = Path(result.staged) / HISTORY_FOLDER / result.history
    target = folder / HISTORY_FOLDER / result.history
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        source.replace(target)


def move_products(folder: Path, result: StagedResult) -> None:
    """Rename the products to their places; what is there already was moved before a kill."""
    for file in result.products.values():
        source = Path(result.staged) / "products" / file
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            source.replace(target)
    for file in result.removed:
        (folder / file).unlink(missing_ok=True)


def replace_record(folder: Path, result: StagedResult) -> None:
    """Put the staged parameter file in the place of the old one."""
    os.replace(result.record, folder / PARAMETER_FILE)  # noqa: PTH105 - a text path


def sync_names(folder: Path, result: StagedResult) -> None:
    """Wait until the new names are on the disk."""
    for parent in {(folder / file).parent for file in result.products.values()} | {folder}:
        sync_folder(parent)


STEPS: tuple[Step, ...] = (sync_record, keep_history, move_products, replace_record, sync_names)
"""The steps of a commit in their order."""
WAITING_STEPS = frozenset({"sync_record", "sync_names"})
"""Steps that only wait for the disk: taken for several images at the same time, they wait once."""
SHARE = 4
"""Images for which a thread waits one after the other: to wake a thread costs as much as a wait."""


def commit_results(
    results: Sequence[tuple[Path, StagedResult]],
    *,
    wait: bool = True,
    waiters: Executor | None = None,
) -> list[Committed | CryobatchError | OSError]:
    """Make staged results part of their images, each of another image.

    The order is that of a redo log: as long as the staged parameter file is there, the whole can
    be done again; once it has replaced the old one, nothing is left to do. Each step is done for
    all images before the next one, so that they wait for the disk together.

    Args:
        results: The folder of each image, and what is staged for it.
        wait: Whether to wait for images that somebody else has locked; else the outcome of such
            a one is a ConflictError, and it can be tried again.
        waiters: Threads that wait for the disk; None: one after the other.

    Returns:
        What came of each, in the same order; trouble with one image stops no other.
    """
    commits = [_Commit(folder, result) for folder, result in results]
    with ImageLocks() as locks:
        for commit in commits:
            commit.begin(locks, wait)
        for step in STEPS:
            _take_all(step, commits, waiters)
        return [commit.conclude() for commit in commits]


def _take_all(step: Step, commits: Sequence[_Commit], waiters: Executor | None) -> None:
    def take(some: Sequence[_Commit]) -> None:
        for commit in some:
            commit.take(step)

    if waiters is None or step.__name__ not in WAITING_STEPS:
        take(commits)
        return
    shares = [commits[start : start + SHARE] for start in range(0, len(commits), SHARE)]
    others = [waiters.submit(take, share) for share in shares[1:]]
    take(shares[0])
    wait_for(others)


def commit_result(folder: Path, result: StagedResult) -> Committed:
    """Make one staged result part of its image."""
    (outcome,) = commit_results([(folder, result)])
    if isinstance(outcome, Committed):
        return outcome
    raise outcome


def recover_staged(folder: Path, script: str, record_path: Path, staged: Path) -> bool:
    """Commit what a killed daemon had not, or not wholly, committed.

    Args:
        folder: The image's folder.
        script: Whose results they are.
        record_path: The staged parameter file.
        staged: Folder of the script's staged products and history.

    Returns:
        Whether there was something whole to commit.
    """
    try:
        record = parameter_file.read(record_path)
    except SettingsError:
        return False  # the runner had not finished staging
    if script not in record.runs:
        return False
    run = record.runs[script]
    present = read_record(folder)
    history = next((path.name for path in (staged / HISTORY_FOLDER).glob("*")), None)
    after = present.with_run(script, run, record.values.get(script, {}))
    result = StagedResult(
        script=script,
        record=str(record_path),
        staged=str(staged),
        base=(0, 0, 0),  # differs from every file's, so that the record is merged
        products=run.products,
        removed=tuple(sorted(present.files() - after.files())),
        history=history,
    )
    commit_result(folder, result)
    return True


def _merge(folder: Path, result: StagedResult) -> tuple[ImageRecord, StagedResult]:
    """Bring a script's run into the parameter file as somebody else has left it."""
    staged = parameter_file.read(Path(result.record))
    script = result.script
    merged = read_record(folder).with_run(
        script, staged.runs[script], staged.values.get(script, {})
    )
    content = parameter_file.dumps(merged).encode()
    record = write_staged(Path(result.staged).parent, script, content)
    if record != result.record:
        Path(result.record).unlink(missing_ok=True)
    return merged, replace(result, record=record)
