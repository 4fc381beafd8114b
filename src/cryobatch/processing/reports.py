"""Reports: what a processor says, turned into what must be committed, written and answered."""

import os
import shutil
from collections.abc import Callable, Mapping

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import BEFORE_SCRIPTS, NOT_RUN, Batch, BatchState
from cryobatch.model.event import Level, LogEntry
from cryobatch.model.index import IndexEntry, index_entry
from cryobatch.processing.commit import Committed
from cryobatch.processing.orders import staged_from_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import Message, ProcessorState
from cryobatch.processing.slot import Ending, EndReason, Slot
from cryobatch.processing.turn import Result, Turn
from cryobatch.store import library, log, queue
from cryobatch.store.database import Transaction


def take_report(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    """Take one message of a processor.

    Args:
        slot: The processor's slot.
        message: What it said.
        plant: Where the dispatcher works.
        turn: Takes what must be committed, written and answered.

    Raises:
        CryobatchError: It is about another batch than the processor's.
    """
    if message["event"] == "up":
        slot.deaths = 0
        slot.turn(ProcessorState.IDLE, turn.now)
        turn.released = True
        return
    if slot.batch is None:
        return  # a late word about a batch that it does not have any more
    if message["batch"] != slot.batch.id:
        raise CryobatchError(f"it speaks of batch {message['batch']}, which is not its")
    _HANDLERS[message["event"]](slot, message, plant, turn)


def conclude_result(
    result: Result, outcome: Committed | CryobatchError | OSError, plant: Plant, turn: Turn
) -> None:
    """Decide what follows from a commit, or from its failure.

    Args:
        result: What was staged.
        outcome: What came of it.
        plant: Where the dispatcher works.
        turn: Takes what must be written and answered.
    """
    failures = dict(result.failures)
    script = result.staged.script
    if isinstance(outcome, Committed):
        _index(result, outcome, plant, turn)
        text = _describe(result.message)
        turn.log_batch(result.processor, result.batch, text, script=script)
        _release(result.batch, script, plant, turn)
        answer = {"do": "committed", "base": outcome.base, "merged": bool(outcome.merged)}
    else:
        reason = f"its results could not be kept: {outcome}"
        failures[script] = reason
        _record_failure(result.processor, result.batch, script, reason, turn)
        _release(result.batch, script, plant, turn)
        answer = {"do": "refused", "reason": reason}
    if result.answer is None:
        _finish(result.processor, result.batch, failures, plant, turn)
    else:
        send = result.answer
        turn.actions.append(lambda: send(answer))


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
        _finish_slot(slot, plant, turn, BatchState.CANCELLED)
        return
    if ending is None:
        where = "" if slot.script is None else f" while {slot.script} ran"
        turn.log(slot, f"the processor died ({how}){where}", Level.ERROR, slot.script)
    elif slot.script is not None and _is_to_blame(slot.script, ending):
        _fail_script(slot, slot.script, ending.text, turn)
    turn.writes.append(_give_back(slot, batch, "its processor died", how, plant, turn.now))
    turn.actions.append(lambda: clear_folders(plant, batch))
    plant.gate.leave(slot.number)


def _is_to_blame(script: str, ending: Ending) -> bool:
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


def _begin_script(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    slot.begin_script(message["script"], message["time_limit_s"], turn.now)


def _note_progress(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    slot.progress = message["fraction"]


def _note_message(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    turn.log(slot, message["text"], Level(message["level"]), message["script"])


def _note_skipped(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    turn.log(slot, "up to date", script=message["script"])
    assert slot.batch is not None
    _release(slot.batch, message["script"], plant, turn)


def _end_remade(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    slot.end_script()
    turn.log(slot, "made its transient products", script=message["script"])


def _note_failure(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    script, reason = message["script"], message["reason"]
    if slot.ending is not None and _is_to_blame(script, slot.ending):
        reason = slot.ending.text  # its program was killed, and this is why
    _fail_script(slot, script, reason, turn)
    assert slot.batch is not None
    _release(slot.batch, message["script"], plant, turn)


def _take_result(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    assert slot.batch is not None
    assert slot.processor is not None
    turn.results.append(
        Result(
            batch=slot.batch,
            processor=slot.name,
            folder=slot.folder,
            staged=staged_from_json(message["result"]),
            message=message,
            failures=dict(slot.failures),
            answer=None if message["last"] else slot.processor.send,
        )
    )
    slot.end_script()
    if message["last"]:
        # All its scripts have run: the processor takes another batch while this one is committed.
        _free(slot, plant, turn)


def _fail_batch(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    _fail_script(slot, BEFORE_SCRIPTS, message["reason"], turn)
    _finish_slot(slot, plant, turn)


def _lack_room(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    """Let a batch wait again for which a disk had no room: it is not to blame."""
    batch = slot.batch
    assert batch is not None
    if slot.ending is not None and slot.ending.reason is EndReason.CANCELLED:
        _finish_slot(slot, plant, turn, BatchState.CANCELLED)
        return
    reason = message["reason"]
    plant.note_full(reason)
    turn.log(slot, f"{reason}: the batch waits for it", Level.WARNING, slot.script)
    turn.writes.append(_give_back(slot, batch, "a disk was full", reason, plant, turn.now))
    turn.actions.append(lambda: clear_folders(plant, batch))
    _free(slot, plant, turn)


def _end_batch(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    _finish_slot(slot, plant, turn)


_HANDLERS: Mapping[str, Callable[[Slot, Message, Plant, Turn], None]] = {
    "script_started": _begin_script,
    "progress": _note_progress,
    "message": _note_message,
    "script_skipped": _note_skipped,
    "script_made": _end_remade,
    "script_failed": _note_failure,
    "script_done": _take_result,
    "batch_failed": _fail_batch,
    "no_room": _lack_room,
    "done": _end_batch,
}


def _fail_script(slot: Slot, script: str, reason: str, turn: Turn) -> None:
    """Note that a script of the slot's batch has failed."""
    assert slot.batch is not None
    slot.failures[script] = reason
    slot.end_script()
    _record_failure(slot.name, slot.batch, script, reason, turn)


def _release(batch: Batch, script: str, plant: Plant, turn: Turn) -> None:
    """Let the next image of the group begin when a batch's last script in order has ended."""
    if not plant.ends_order(batch, script):
        return

    def write(t: Transaction) -> None:
        queue.release(t, batch.id, batch.attempt)

    turn.writes.append(write)
    turn.released = True


def _record_failure(processor: str, batch: Batch, script: str, reason: str, turn: Turn) -> None:
    def write(t: Transaction) -> None:
        queue.record_failure(t, batch.id, batch.attempt, script, reason)

    turn.writes.append(write)
    level = Level.WARNING if reason.startswith(NOT_RUN) else Level.ERROR
    turn.log_batch(processor, batch, reason, level, script)


def _finish_slot(slot: Slot, plant: Plant, turn: Turn, state: queue.End | None = None) -> None:
    """End the slot's batch, as failed when one of its scripts has failed."""
    assert slot.batch is not None
    _finish(slot.name, slot.batch, slot.failures, plant, turn, state)
    _free(slot, plant, turn)


def _free(slot: Slot, plant: Plant, turn: Turn) -> None:
    """End with the slot's batch; its place is free when it was not handed another one."""
    turn.durations.append(turn.now - slot.taken_at)
    slot.free(turn.now)
    if slot.batch is None:
        plant.gate.leave(slot.number)


def _finish(
    processor: str,
    batch: Batch,
    failures: Mapping[str, str],
    plant: Plant,
    turn: Turn,
    state: queue.End | None = None,
) -> None:
    ended = state or (BatchState.FAILED if failures else BatchState.DONE)
    reasons = dict(failures)

    def write(t: Transaction) -> None:
        queue.finish(
            t, batch.id, batch.attempt, ended, reasons, turn.now,
            processor=processor, started_at=batch.started_at,
        )  # fmt: skip

    turn.writes.append(write)
    level = Level.INFO if ended is BatchState.DONE else Level.WARNING
    turn.log_batch(processor, batch, f"batch {ended.value}", level)
    turn.actions.append(lambda: clear_folders(plant, batch, whole=ended is BatchState.DONE))


def _index(result: Result, committed: Committed, plant: Plant, turn: Turn) -> None:
    data = result.message["index"]
    entry = IndexEntry(**{**data, "stale": tuple(data["stale"])})
    if committed.merged is not None:
        # What somebody has changed meanwhile, the script did not know.
        entry = index_entry(committed.merged, plant.find_stale(committed.merged, result.folder))

    def write(t: Transaction) -> None:
        library.index(t, result.batch.image_id, entry)

    turn.writes.append(write)


def _describe(message: Message) -> str:
    gigabytes = message["memory_bytes"] / 1e9
    return f"done in {message['seconds']:.1f} s, {gigabytes:.2f} GB"


def _give_back(
    slot: Slot, batch: Batch, what: str, how: str, plant: Plant, now: float
) -> Callable[[Transaction], None]:
    script, name = slot.script, slot.name
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

    return write
