"""Commits: making staged results part of an image, in steps that survive a kill at any of them."""

from collections.abc import Sequence
from concurrent.futures import Executor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cryobatch.errors import CryobatchError, SettingsError
from cryobatch.formats import parameter_file
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.model.image import ImageRecord
from cryobatch.processing.history import HISTORY_FOLDER
from cryobatch.processing.image_folder import (
    PARAMETER_FILE,
    Identity,
    ImageLocks,
    identify,
    read_record,
)
from cryobatch.processing.journal import Entry, Journal
from cryobatch.processing.orders import StagedResult
from cryobatch.processing.spares import Spare
from cryobatch.processing.steps import STEPS as STEPS
from cryobatch.processing.steps import WAITING_STEPS, Step
from cryobatch.processing.workspace import write_staged

SHARE = 4
"""Images for which a thread waits one after the other: to wake a thread costs as much as a wait."""


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
class Commit:
    """A commit that is being made.

    Args:
        folder: The image's folder.
        result: What is staged for it.
        merged: As in ``Committed``.
        spare: Where the next parameter file is until it changes places with the old one.
        error: Why it cannot go on.
    """

    folder: Path
    result: StagedResult
    merged: ImageRecord | None = None
    spare: Spare | None = None
    error: CryobatchError | OSError | None = None

    @property
    def content(self) -> str:
        """Return the next parameter file of a brief result."""
        assert self.result.content is not None
        return self.result.content

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
            base = identify(self.folder) if self.spare is None else self.spare.identity
            return Committed(base, self.merged)
        except CryobatchError as error:
            return error


class BriefStep(Protocol):
    """A step of the commit of results that are parameter files alone, known by its name."""

    __name__: str

    def __call__(self, commits: Sequence[Commit], journal: Journal, /) -> None:
        """Take it for the results of several images."""


def write_spares(commits: Sequence[Commit], journal: Journal) -> None:
    """Write the next parameter files, each into a file that is no image's."""
    for commit in commits:
        try:
            commit.spare = journal.spares.write(commit.content.encode())
        except OSError as error:
            commit.error = error


def note_records(commits: Sequence[Commit], journal: Journal) -> None:
    """Note them in the journal: now they are on the disk."""
    written = [(commit, commit.spare) for commit in commits if commit.spare is not None]
    entries = [
        Entry(
            folder=str(commit.folder),
            script=commit.result.script,
            content=commit.content,
            base=commit.result.base,
            fresh=spare.identity,
        )
        for commit, spare in written
    ]
    try:
        journal.note(entries)
    except OSError as error:
        for commit, _ in written:
            commit.error = error


def exchange_records(commits: Sequence[Commit], journal: Journal) -> None:
    """Let them change places with the old ones."""
    for commit in commits:
        if commit.spare is None:
            continue
        if commit.error is None:
            try:
                journal.spares.put(commit.spare, commit.folder)
            except OSError as error:
                commit.error = error
        if commit.error is not None:
            journal.spares.take_back(commit.spare)


BRIEF_STEPS: tuple[BriefStep, ...] = (write_spares, note_records, exchange_records)
"""The steps of a commit that has nothing but a parameter file, in their order."""


def commit_results(
    results: Sequence[tuple[Path, StagedResult]],
    *,
    wait: bool = True,
    waiters: Executor | None = None,
    journal: Journal | None = None,
) -> list[Committed | CryobatchError | OSError]:
    """Make results part of their images, each of another image.

    The order is that of a redo log: as long as the staged parameter file, or the journal, is there,
    the whole can be done again; once that has replaced the old one, nothing is left to do. Each
    step is done for all images before the next one, so that they wait for the disk together.

    Args:
        results: The folder of each image, and what is to be committed for it.
        wait: Whether to wait for images that somebody else has locked; else the outcome of such
            a one is a ConflictError, and it can be tried again.
        waiters: Threads that wait for the disk; None: one after the other.
        journal: Takes the parameter files of results that have nothing else; None: each of them
            is waited for.

    Returns:
        What came of each, in the same order; trouble with one image stops no other.
    """
    commits = [Commit(folder, result) for folder, result in results]
    with ImageLocks() as locks:
        for commit in commits:
            commit.begin(locks, wait)
        staged = [commit for commit in commits if commit.result.content is None]
        for step in STEPS:
            _take_all(step, staged, waiters)
        brief = [commit for commit in commits if commit.result.content is not None]
        _commit_brief([commit for commit in brief if commit.error is None], journal)
        return [commit.conclude() for commit in commits]


def _commit_brief(commits: Sequence[Commit], journal: Journal | None) -> None:
    if journal is None:
        for commit in commits:
            commit.take(_write_record)
    elif commits:
        with journal:
            for step in BRIEF_STEPS:
                step(commits, journal)


def _write_record(folder: Path, result: StagedResult) -> None:
    write_bytes_durably(folder / PARAMETER_FILE, (result.content or "").encode())


def _take_all(step: Step, commits: Sequence[Commit], waiters: Executor | None) -> None:
    def take(some: Sequence[Commit]) -> None:
        for commit in some:
            commit.take(step)

    if waiters is None or len(commits) <= SHARE or step.__name__ not in WAITING_STEPS:
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
    script = result.script
    if result.content is None:
        staged = parameter_file.read(Path(result.record))
    else:
        staged = parameter_file.loads(result.content, f"what {script} gave")
    base = identify(folder)
    merged = read_record(folder).with_run(
        script, staged.runs[script], staged.values.get(script, {})
    )
    content = parameter_file.dumps(merged)
    if result.content is not None:
        return merged, replace(result, content=content, base=base)
    record = write_staged(Path(result.staged).parent, script, content.encode())
    if record != result.record:
        Path(result.record).unlink(missing_ok=True)
    return merged, replace(result, record=record)
