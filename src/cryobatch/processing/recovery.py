"""Recovery: what a daemon does first, about what a killed one has left."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import Batch
from cryobatch.model.event import Level, LogEntry
from cryobatch.model.image import ImageRecord
from cryobatch.model.index import IndexEntry, index_entry
from cryobatch.processing.commit import recover_staged
from cryobatch.processing.image_folder import read_record
from cryobatch.processing.journal import settle
from cryobatch.processing.plant import Plant
from cryobatch.processing.workspace import find_staged
from cryobatch.store import library, log, queue
from cryobatch.store.database import Database


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A batch that ran when its daemon was killed.

    Args:
        batch: As it was while it ran.
        entry: What the library repeats of its image, None when its file cannot be read.
        entries: Rows of the log that the daemon did not come to write.
    """

    batch: Batch
    entry: IndexEntry | None
    entries: tuple[LogEntry, ...]


def recover(database: Database, plant: Plant, now: float) -> int:
    """Finish commits that were begun, index their images, let their batches wait again on top.

    Returns:
        How many batches had been running.
    """
    _settle_journals(database, plant, now)
    with database.reading() as r:
        running = queue.running(r)
        places = {batch.image_id: library.place_of(r, batch.image_id) for batch in running}
    interrupted = []
    for batch in running:
        folder = plant.image_folder(*places[batch.image_id])
        interrupted.append(_look_after(database, batch, folder, plant, now))
    for output in plant.staging.glob("*.out"):
        plant.clear_work(output.stem)
    sweep(plant)
    with database.transaction() as t:
        for item in interrupted:
            if item.entry is not None:
                library.index(t, item.batch.image_id, item.entry)
            log.append(t, item.entries)
        queue.give_back_all(t, now)
    return len(running)


def sweep(plant: Plant) -> None:
    """Remove everything in staging and scratch: nobody works there now."""
    for folder in (plant.staging, plant.scratch):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)


def _settle_journals(database: Database, plant: Plant, now: float) -> None:
    """Write again what a power loss has taken of parameter files."""

    def locate(image: int) -> Path | None:
        with database.reading() as r:
            place = library.places(r, [image]).get(image)
        return None if place is None else plant.image_folder(*place)

    restored = settle(plant.staging, locate)
    if not restored:
        return
    with database.transaction() as t:
        for one in restored:
            level, image = Level.ERROR, None
            if one.record is not None:
                level, image = Level.WARNING, one.record.image.id
                stale = plant.find_stale(one.record, one.folder)
                library.index(t, image, index_entry(one.record, stale))
            log.append(t, [LogEntry(now, one.text, level, image_id=image)])


def _look_after(
    database: Database, batch: Batch, folder: Path, plant: Plant, now: float
) -> Interrupted:
    try:
        staging = plant.staging_of(batch)
        for script, record_path in sorted(find_staged(staging).items()):
            recover_staged(folder, script, record_path, staging / script)
        record = read_record(folder)
        entry = index_entry(record, plant.find_stale(record, folder))
    except (CryobatchError, OSError) as error:
        row = LogEntry(now, f"after a restart: {error}", Level.ERROR, batch.processor,
                       batch.image_id, batch.id)  # fmt: skip
        return Interrupted(batch, None, (row,))
    return Interrupted(batch, entry, tuple(_missing_rows(database, batch, record, now)))


def _missing_rows(
    database: Database, batch: Batch, record: ImageRecord, now: float
) -> list[LogEntry]:
    rows = []
    with database.reading() as r:
        for script, run in record.runs.items():
            if run.batch == batch.id and not log.has_entry(r, batch.id, script, "done in "):
                text = f"done in {run.seconds:.1f} s, {run.memory_bytes / 1e9:.2f} GB"
                ended = datetime.fromisoformat(run.started_at).timestamp() + run.seconds
                rows.append(LogEntry(ended, text, Level.INFO, run.processor,
                                     batch.image_id, batch.id, script))  # fmt: skip
        rows.append(LogEntry(now, "waits again: its daemon had ended", Level.WARNING,
                             batch.processor, batch.image_id, batch.id))  # fmt: skip
    return rows
