"""Reports: what a processor says, turned into what must be written and answered."""

import shutil
from collections.abc import Callable
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import Batch, BatchState
from cryobatch.model.event import Level
from cryobatch.model.index import IndexEntry, index_entry
from cryobatch.processing.commit import Committed, commit_result
from cryobatch.processing.orders import staged_from_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import Message, ProcessorState
from cryobatch.processing.slot import EndReason, Slot
from cryobatch.processing.turn import Turn
from cryobatch.store import library, queue
from cryobatch.store.database import Transaction

WORKFLOW = "workflow"
"""Stands for a script where a batch failed before its first one."""


def take_report(
    slot: Slot, message: Message, folder: Path | None, plant: Plant, turn: Turn
) -> None:
    """Take one message of a processor.

    Args:
        slot: The processor's slot.
        message: What it said.
        folder: The folder of its batch's image, None while it has no batch.
        plant: Where the dispatcher works.
        turn: Takes what must be written and answered.
    """
    if message["event"] == "up":
        slot.deaths = 0
        slot.turn(ProcessorState.IDLE, turn.now)
        return
    if slot.batch is None or folder is None:
        return  # a late word about a batch that it does not have any more
    handlers: dict[str, Callable[[], None]] = {
        "script_started": lambda: slot.begin_script(
            message["script"], message["time_limit_s"], turn.now
        ),
        "progress": lambda: _note_progress(slot, message),
        "message": lambda: turn.log(
            slot, message["text"], Level(message["level"]), message["script"]
        ),
        "script_skipped": lambda: turn.log(slot, "up to date", script=message["script"]),
        "script_made": lambda: _end_remade(slot, message, turn),
        "script_failed": lambda: fail_script(slot, message["script"], message["reason"], turn),
        "script_done": lambda: _commit(slot, message, folder, plant, turn),
        "batch_failed": lambda: _fail_batch(slot, message["reason"], plant, turn),
        "done": lambda: finish_batch(slot, plant, turn),
    }
    handlers[message["event"]]()


def fail_script(slot: Slot, script: str, reason: str, turn: Turn) -> None:
    """Note that a script of the slot's batch has failed."""
    assert slot.batch is not None
    batch = slot.batch
    slot.failures[script] = reason
    slot.end_script()
    turn.log(slot, reason, Level.ERROR, script)

    def write(t: Transaction) -> None:
        queue.record_failure(t, batch.id, batch.attempt, script, reason)

    turn.writes.append(write)


def finish_batch(slot: Slot, plant: Plant, turn: Turn, state: queue.End | None = None) -> None:
    """End the slot's batch, as failed when one of its scripts has failed."""
    assert slot.batch is not None
    batch = slot.batch
    ended = state or (BatchState.FAILED if slot.failures else BatchState.DONE)
    failures = dict(slot.failures)

    def write(t: Transaction) -> None:
        queue.finish(t, batch.id, batch.attempt, ended, failures, turn.now)

    turn.writes.append(write)
    level = Level.INFO if ended is BatchState.DONE else Level.WARNING
    turn.log(slot, f"batch {ended.value}", level)
    turn.actions.append(lambda: clear_folders(plant, batch))
    plant.gate.leave(slot.number)
    slot.free(turn.now)


def lose_processor(slot: Slot, how: str, plant: Plant, turn: Turn) -> None:
    """Decide what becomes of the batch of a processor that is gone.

    Args:
        slot: Its slot.
        how: How its process ended.
        plant: Where the dispatcher works.
        turn: Takes what must be written.
    """
    batch, script = slot.batch, slot.script
    reason = None if slot.ending is None else slot.ending[0]
    if batch is None:
        if reason is None:
            turn.log(slot, f"the processor ended ({how})", Level.WARNING)
        return
    if reason is EndReason.CANCELLED:
        finish_batch(slot, plant, turn, BatchState.CANCELLED)
        return
    if reason in {EndReason.TIME, EndReason.MEMORY} and script is not None:
        assert slot.ending is not None
        fail_script(slot, script, slot.ending[1], turn)
    elif reason is None:
        where = "" if script is None else f" while {script} ran"
        turn.log(slot, f"the processor died ({how}){where}", Level.ERROR, script)
    lost = reason is None
    turn.writes.append(_give_back(batch, script, how, lost, plant, turn))
    turn.actions.append(lambda: clear_folders(plant, batch))
    plant.gate.leave(slot.number)


def clear_folders(plant: Plant, batch: Batch) -> None:
    """Remove what an attempt has left in staging and scratch."""
    shutil.rmtree(plant.staging_of(batch), ignore_errors=True)
    shutil.rmtree(plant.scratch_of(batch), ignore_errors=True)


def _note_progress(slot: Slot, message: Message) -> None:
    slot.progress = message["fraction"]


def _end_remade(slot: Slot, message: Message, turn: Turn) -> None:
    slot.end_script()
    turn.log(slot, "made its transient products", script=message["script"])


def _fail_batch(slot: Slot, reason: str, plant: Plant, turn: Turn) -> None:
    fail_script(slot, WORKFLOW, reason, turn)
    finish_batch(slot, plant, turn)


def _commit(slot: Slot, message: Message, folder: Path, plant: Plant, turn: Turn) -> None:
    result = staged_from_json(message["result"])
    processor = slot.processor
    assert slot.batch is not None
    assert processor is not None
    try:
        committed = commit_result(folder, result)
    except (CryobatchError, OSError) as error:
        reason = f"its results could not be kept: {error}"
        fail_script(slot, result.script, reason, turn)
        turn.actions.append(lambda: processor.send({"do": "refused", "reason": reason}))
    else:
        slot.end_script()
        _index(slot.batch.image_id, message, committed, turn)
        turn.log(slot, _describe(message), script=result.script)
        answer = {"do": "committed", "base": committed.base, "merged": bool(committed.merged)}
        if not message["last"]:
            turn.actions.append(lambda: processor.send(answer))
    if message["last"]:
        finish_batch(slot, plant, turn)


def _index(image_id: int, message: Message, committed: Committed, turn: Turn) -> None:
    data = message["index"]
    entry = IndexEntry(**{**data, "stale": tuple(data["stale"])})
    if committed.merged is not None:
        entry = index_entry(committed.merged, entry.stale)

    def write(t: Transaction) -> None:
        library.index(t, image_id, entry)

    turn.writes.append(write)


def _describe(message: Message) -> str:
    gigabytes = message["memory_bytes"] / 1e9
    return f"done in {message['seconds']:.1f} s, {gigabytes:.2f} GB"


def _give_back(
    batch: Batch, script: str | None, how: str, lost: bool, plant: Plant, turn: Turn
) -> Callable[[Transaction], None]:
    def write(t: Transaction) -> None:
        losses = queue.count_losses(t, batch.id, script) + 1
        if lost and losses >= plant.max_losses:
            reason = f"quarantined: its processor died {losses} times with it, last by {how}"
            failures = {script or WORKFLOW: reason}
            queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, failures, turn.now)
        else:
            queue.give_back(t, batch.id, batch.attempt, lost=lost, now=turn.now, script=script)

    return write
