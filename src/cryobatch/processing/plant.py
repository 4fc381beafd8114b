"""The plant: where a dispatcher works and what it may use."""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryobatch.model.batch import Batch
from cryobatch.model.image import ImageRecord
from cryobatch.processing.output import keep_output
from cryobatch.processing.processors import StartProcessor
from cryobatch.processing.workspace import output_of

FindStale = Callable[[ImageRecord, Path], tuple[str, ...]]
"""Tells which scripts' results are stale, given an image's record and folder."""


class Gate(Protocol):
    """Shares this machine's processors with the daemons of other projects."""

    def enter(self, slot: int) -> bool:
        """Ask for leave to begin a batch in a slot; asking again is allowed."""

    def leave(self, slot: int) -> None:
        """Give the leave back."""

    def is_wanted(self) -> bool:
        """Tell whether somebody else waits for leave."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Where a dispatcher works and what it may use.

    Args:
        images: Folder of all groups.
        staging: Folder, on the images' file system, for what waits to be committed.
        scratch: Folder for transient products.
        start: Starts a processor.
        gate: Shares this machine with other projects.
        max_losses: After so many deaths of its processor on one script a batch has failed.
        memory_limit_bytes: What a processor may use, None for no limit.
        medians: Values of which a script wants the median, by script.
        find_stale: Tells which scripts' results are stale.
        in_order: Scripts that the images of a group have run one after another.
        previous: Values of the image before that a script wants, by script.
        note_full: Is told, in words, that a disk had no room for a script's files.
    """

    images: Path
    staging: Path
    scratch: Path
    start: StartProcessor
    gate: Gate
    max_losses: int
    memory_limit_bytes: int | None
    medians: Mapping[str, tuple[str, ...]]
    find_stale: FindStale
    in_order: frozenset[str] = frozenset()
    previous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note_full: Callable[[str], None] = lambda _: None

    def image_folder(self, group: str, name: str) -> Path:
        """Return the folder of an image."""
        return self.images / group / name

    def ends_order(self, batch: Batch, script: str) -> bool:
        """Tell whether the next image's turn comes when a batch has ended with a script."""
        ordered = [name for name in batch.scripts if name in self.in_order]
        return batch.in_order and ordered[-1:] == [script]

    def name_attempt(self, batch: Batch) -> str:
        """Return the name of an attempt's folders."""
        return f"{batch.id}.{batch.attempt}"

    def staging_of(self, batch: Batch) -> Path:
        """Return the staging folder of an attempt at a batch."""
        return self.staging / self.name_attempt(batch)

    def clear_work(self, processor: str) -> None:
        """Remove what a processor that is gone has left, but keep what its script has said."""
        work = self.staging / processor
        with contextlib.suppress(OSError):
            keep_output(output_of(work), self.images)
            output_of(work).unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)

    def scratch_of(self, batch: Batch) -> Path:
        """Return the scratch folder of an attempt at a batch."""
        return self.scratch / self.name_attempt(batch)
