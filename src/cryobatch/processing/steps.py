"""The steps of a commit: each survives a kill, and can be taken again after one."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Protocol

from cryobatch.formats.atomic import sync_file, sync_folder
from cryobatch.processing.history import HISTORY_FOLDER
from cryobatch.processing.image_folder import PARAMETER_FILE
from cryobatch.processing.orders import StagedResult


class Step(Protocol):
    """A step of a commit, known by its name."""

    __name__: str

    def __call__(self, folder: Path, result: StagedResult, /) -> None:
        """Take it for a result of an image."""


def sync_record(folder: Path, result: StagedResult) -> None:
    """Wait until the staged parameter file is on the disk; what it speaks of is there already."""
    sync_file(result.record)


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
