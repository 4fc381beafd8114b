"""Endings: what becomes of a batch, and of its scripts, when they end, however they do."""

import os
import shutil
from collections.abc import Mapping

from cryobatch.model.batch import BEFORE_SCRIPTS, NOT_RUN, Batch, BatchState
from cryobatch.model.event import Level, LogEntry
from cryobatch.processing.plant import Plant
from cryobatch.processing.slot import Ending, EndReason, Slot
from cryobatch.processing.turn import Turn
from cryobatch.store import log, queue
from cryobatch.store.database import Transaction


def lose_processor(slot: Slot, how: str, plant: Plant, turn: Turn) -> None:
    """Decide what becomes of the batch of a processor that is gone.

    Args:
        slot: Its slot.
        how: How its process ended.
        plant: Where the dispatcher works.
        turn: Takes what must be written.
    """
    batch, ending = slot.batch, slot.ending
    if batch is None:
        if ending is None:
            turn.log(slot, f"the processor ended ({how})", Level.WARNING)
        return
    if ending is not None and ending.reason is EndReason.CANCELLED:
        finish_slot(slot, plant, turn, BatchState.CANCELLED)
        return
    if ending is None:
        where = "" if slot.script is None else f" while {slot.script} ran"
        turn.log(slot, f"the processor died ({how}){where}", Level.ERROR, slot.script)
    elif slot.script is not None and is_to_blame(slot.script, ending):
        fail_script(slot, slot.script, ending.text, turn)
    give_back_batch(slot, batch, "its processor died", how, plant, turn)
    plant.gate.leave(slot.number)


def finish_slot(slot: Slot, plant: Plant, turn: Turn, state: queue.End | None = None) -> None:
    """End the slot's batch, as failed when one of its scripts has failed."""
    assert slot.batch is not None
    finish_batch(slot.name, slot.batch, slot.taken_at, slot.failures, plant, turn, state)
    free_slot(slot, plant, turn)


def finish_batch(
    processor: str,
    batch: Batch,
    began_at: float,
    failures: Mapping[str, str],
    plant: Plant,
    turn: Turn,
    state: queue.End | None = None,
) -> None:
    """End a batch, as failed when one of its scripts has failed.

    Args:
        processor: Who worked on it.
        batch: The batch.
        began_at: When that began, seconds since the epoch.
        failures: Why scripts of it have failed.
        plant: Where the dispatcher works.
        turn: Takes what must be written and removed.
        state: How it ends otherwise.
    """
    ended = state or (BatchState.FAILED if failures else BatchState.DONE)
    reasons, now = dict(failures), turn.now  # a write that knew its turn would keep it for ever

    def write(t: Transaction) -> None:
        queue.finish(
            t, batch.id, batch.attempt, ended, reasons, now,
            processor=processor, started_at=began_at,
        )  # fmt: skip

    turn.writes.append(write)
    level = Level.INFO if ended is BatchState.DONE else Level.WARNING
    turn.log_batch(processor, batch, f"batch {ended.value}", level)
    turn.actions.append(lambda: clear_folders(plant, batch, whole=ended is BatchState.DONE))


def free_slot(slot: Slot, plant: Plant, turn: Turn) -> None:
    """End with the slot's batch; its place is free when it was not handed another one."""
    turn.durations.append(turn.now - slot.taken_at)
    slot.free(turn.now)
    if slot.batch is None:
        plant.gate.leave(slot.number)


def give_back_batch(
    slot: Slot, batch: Batch, what: str, how: str, plant: Plant, turn: Turn
) -> None:
    """Let the batch of a slot wait again; what has happened to it too often with a script fails it.

    Args:
        slot: The slot.
        batch: Its batch.
        what: What has happened, such as "its processor died".
        how: More of that.
        plant: Where the dispatcher works.
        turn: Takes what must be written and removed.
    """
    script, name, now = slot.script, slot.name, turn.now
    lost = slot.ending is None

    def write(t: Transaction) -> None:
        losses = queue.count_losses(t, batch.id, script) + 1
        if not lost or losses < plant.max_losses:
            queue.give_back(t, batch.id, batch.attempt, lost=lost, now=now, script=script)
            return
        reason = f"quarantined: {what} {losses} times with it, last by {how}"
        failures = {script or BEFORE_SCRIPTS: reason}
        if queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, failures, now):
            row = LogEntry(now, reason, Level.ERROR, name, batch.image_id, batch.id, script)
            log.append(t, [row])

    turn.writes.append(write)
    turn.actions.append(lambda: clear_folders(plant, batch))


def fail_script(slot: Slot, script: str, reason: str, turn: Turn) -> None:
    """Note that a script of the slot's batch has failed."""
    assert slot.batch is not None
    slot.failures[script] = reason
    slot.end_script()
    record_failure(slot.name, slot.batch, script, reason, turn)


def record_failure(processor: str, batch: Batch, script: str, reason: str, turn: Turn) -> None:
    """Note, in the queue and the log, why a script has failed."""

    def write(t: Transaction) -> None:
        queue.record_failure(t, batch.id, batch.attempt, script, reason)

    turn.writes.append(write)
    level = Level.WARNING if reason.startswith(NOT_RUN) else Level.ERROR
    turn.log_batch(processor, batch, reason, level, script)


def release_next(batch: Batch, script: str, plant: Plant, turn: Turn) -> None:
    """Let the next image of the group begin when a batch's last script in order has ended."""
    if not plant.ends_order(batch, script):
        return

    def write(t: Transaction) -> None:
        queue.release(t, batch.id, batch.attempt)

    turn.writes.append(write)
    turn.released = True


def is_to_blame(script: str, ending: Ending) -> bool:
    """Tell whether a script went beyond a limit; one that has begun since then did not."""
    return ending.reason in {EndReason.TIME, EndReason.MEMORY} and script == ending.script


def clear_folders(plant: Plant, batch: Batch, *, whole: bool = False) -> None:
    """Remove what an attempt has left in staging and scratch.

    Args:
        plant: Where they are.
        batch: The batch with its attempt.
        whole: Whether all was committed: then only empty folders of staged products are left.
    """
    staging = plant.staging_of(batch)
    if whole:
        if os.access(staging, os.F_OK):
            shutil.rmtree(staging, ignore_errors=True)
        return
    for path in staging.parent.glob(f"{staging.name}.*"):
        path.unlink(missing_ok=True)
    shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(plant.scratch_of(batch), ignore_errors=True)
