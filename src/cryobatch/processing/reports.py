"""Reports: what a processor says, turned into what must be committed, written and answered."""

from collections.abc import Callable, Mapping

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import BEFORE_SCRIPTS, BatchState
from cryobatch.model.event import Level
from cryobatch.model.index import IndexEntry, index_entry
from cryobatch.processing.commit import Committed
from cryobatch.processing.endings import (
    fail_script,
    finish_batch,
    finish_slot,
    free_slot,
    give_back_batch,
    is_to_blame,
    record_failure,
    release_next,
)
from cryobatch.processing.orders import staged_from_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import Message, ProcessorState
from cryobatch.processing.slot import EndReason, Slot
from cryobatch.processing.turn import Result, Turn
from cryobatch.store import library
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
        release_next(result.batch, script, plant, turn)
        answer = {"do": "committed", "base": outcome.base, "merged": bool(outcome.merged)}
    else:
        reason = f"its results could not be kept: {outcome}"
        failures[script] = reason
        record_failure(result.processor, result.batch, script, reason, turn)
        release_next(result.batch, script, plant, turn)
        answer = {"do": "refused", "reason": reason}
    if result.answer is None:
        finish_batch(result.processor, result.batch, result.began_at, failures, plant, turn)
    else:
        send = result.answer
        turn.actions.append(lambda: send(answer))


def _begin_script(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    slot.begin_script(message["script"], message["time_limit_s"], turn.now)


def _note_progress(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    slot.progress = message["fraction"]


def _note_message(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    turn.log(slot, message["text"], Level(message["level"]), message["script"])


def _note_skipped(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    turn.log(slot, "up to date", script=message["script"])
    assert slot.batch is not None
    release_next(slot.batch, message["script"], plant, turn)


def _end_remade(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    slot.end_script()
    turn.log(slot, "made its transient products", script=message["script"])


def _note_failure(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    script, reason = message["script"], message["reason"]
    if slot.ending is not None and is_to_blame(script, slot.ending):
        reason = slot.ending.text  # its program was killed, and this is why
    fail_script(slot, script, reason, turn)
    assert slot.batch is not None
    release_next(slot.batch, message["script"], plant, turn)


def _take_result(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    assert slot.batch is not None
    assert slot.processor is not None
    turn.results.append(
        Result(
            batch=slot.batch,
            processor=slot.name,
            began_at=slot.taken_at,
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
        free_slot(slot, plant, turn)


def _fail_batch(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    fail_script(slot, BEFORE_SCRIPTS, message["reason"], turn)
    finish_slot(slot, plant, turn)


def _lack_room(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    """Let a batch wait again for which a disk had no room: it is not to blame."""
    batch = slot.batch
    assert batch is not None
    if slot.ending is not None and slot.ending.reason is EndReason.CANCELLED:
        finish_slot(slot, plant, turn, BatchState.CANCELLED)
        return
    reason = message["reason"]
    plant.note_full(reason)
    turn.log(slot, f"{reason}: the batch waits for it", Level.WARNING, slot.script)
    give_back_batch(slot, batch, "a disk was full", reason, plant, turn)
    free_slot(slot, plant, turn)


def _end_batch(slot: Slot, message: Message, plant: Plant, turn: Turn) -> None:
    finish_slot(slot, plant, turn)


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
