"""Commits: making staged results part of an image, in steps that survive a kill at any of them."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import SettingsError
from cryobatch.formats import parameter_file
from cryobatch.formats.atomic import sync_folder, write_bytes_durably
from cryobatch.model.image import ImageRecord
from cryobatch.processing.history import HISTORY_FOLDER
from cryobatch.processing.image_folder import (
    PARAMETER_FILE,
    Identity,
    identify,
    image_lock,
    read_record,
)
from cryobatch.processing.orders import StagedResult

Step = Callable[[Path, StagedResult], None]


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
    (Path(result.staged) / PARAMETER_FILE).replace(folder / PARAMETER_FILE)


def sync_names(folder: Path, result: StagedResult) -> None:
    """Wait until the new names are on the disk."""
    for parent in {(folder / file).parent for file in result.products.values()} | {folder}:
        sync_folder(parent)


STEPS: tuple[Step, ...] = (keep_history, move_products, replace_record, sync_names)
"""The steps of a commit in their order."""


def commit_result(folder: Path, result: StagedResult) -> Committed:
    """Make a staged result part of an image.

    The order is that of a redo log: as long as the staged parameter file is there, the whole can
    be done again; once it has replaced the old one, nothing is left to do.
    """
    merged = None
    with image_lock(folder):
        if identify(folder) != result.base:
            merged = _merge(folder, result)
        for step in STEPS:
            step(folder, result)
        return Committed(identify(folder), merged)


def recover_staged(folder: Path, staged: Path) -> bool:
    """Commit what a killed daemon had not, or not wholly, committed.

    Args:
        folder: The image's folder.
        staged: The folder of one script's results.

    Returns:
        Whether there was something whole to commit.
    """
    try:
        record = parameter_file.read(staged / PARAMETER_FILE)
    except SettingsError:
        return False  # the runner had not finished staging
    script = staged.name
    run = record.runs[script]
    present = read_record(folder)
    history = next((path.name for path in (staged / HISTORY_FOLDER).glob("*")), None)
    earlier = present.runs.get(script)
    old = set(earlier.products.values()) if earlier else set()
    removed = tuple(sorted(old - set(run.products.values())))
    none: Identity = (0, 0, 0)  # differs from every file's, so that the record is merged
    result = StagedResult(script, str(staged), none, run.products, removed, history)
    commit_result(folder, result)
    return True


def _merge(folder: Path, result: StagedResult) -> ImageRecord:
    """Bring a script's run into the parameter file as somebody else has left it."""
    staged = parameter_file.read(Path(result.staged) / PARAMETER_FILE)
    script = result.script
    merged = read_record(folder).with_run(
        script, staged.runs[script], staged.values.get(script, {})
    )
    write_bytes_durably(Path(result.staged) / PARAMETER_FILE, parameter_file.dumps(merged).encode())
    return merged
