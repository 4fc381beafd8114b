"""The dispatcher: gives batches to processors and takes their results."""

import time
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import Batch
from cryobatch.model.event import Level
from cryobatch.processing.orders import BatchOrder, to_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import ProcessorState
from cryobatch.processing.reports import lose_processor, take_report
from cryobatch.processing.slot import EndReason, Slot, find_breach
from cryobatch.processing.turn import Turn
from cryobatch.store import library, log, processors, queue
from cryobatch.store.database import Database, Transaction

WATCH_INTERVAL_S = 0.5
LOG_DELAY_S = 0.2
SHOW_INTERVAL_S = 0.5


class Dispatcher:
    """Works the queue: claims batches for free processors, commits what they give.

    Each ``step`` takes what the processors have said, decides, writes all of it in one
    transaction, and then answers. It is given the time, so that tests need no sleep.
    """

    def __init__(
        self, database: Database, plant: Plant, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Prepare; ``resize`` makes the first processors.

        Args:
            database: The project's database.
            plant: Where to work and with what.
            clock: Gives seconds since the epoch.
        """
        self._database = database
        self._plant = plant
        self._clock = clock
        self.slots: list[Slot] = []
        self.trouble: str | None = None
        self._wanted = 0
        self._turns: list[Turn] = []
        self._folders: dict[int, Path] = {}
        self._watched_at = 0.0
        self._claiming = True
        self._hungry = False
        self._stopping = False
        self._shown: list[processors.ProcessorRow] = []
        self._shown_at = 0.0

    def resize(self, number: int) -> None:
        """Have so many processors; those too many end when their batch has."""
        self._wanted = number
        now = self._clock()
        present = {slot.number for slot in self.slots}
        for index in range(number):
            if index not in present:
                slot = Slot(name=f"local-{index + 1}", number=index, restart_at=now)
                self.slots.append(slot)
        self.slots.sort(key=lambda slot: slot.number)
        self._claiming = True

    def replace_plant(self, plant: Plant) -> None:
        """Work with other scripts or settings: each processor is renewed before its next batch."""
        self._plant = plant
        for slot in self.slots:
            slot.stale = slot.processor is not None

    def notice(self) -> None:
        """Look at the queue again: somebody has changed it."""
        self._claiming = True

    def connections(self) -> list[Connection]:
        """Return what becomes ready when a processor has said something, or is gone."""
        return [slot.processor.connection for slot in self.slots if slot.processor is not None]

    def timeout_s(self) -> float:
        """Return how long nobody needs to look."""
        if self._turns or self._hungry:
            return 0.05
        if any(slot.state is not ProcessorState.IDLE for slot in self.slots):
            return LOG_DELAY_S
        return 1.0

    def is_resting(self) -> bool:
        """Tell whether no batch runs and nothing waits to be written."""
        return not self._turns and all(slot.batch is None for slot in self.slots)

    def step(self, ready: Collection[object]) -> None:
        """Take one round.

        Args:
            ready: Connections that have something to say.
        """
        turn = Turn(self._clock())
        for slot in list(self.slots):
            if slot.processor is not None and slot.processor.connection in ready:
                self._listen(slot, turn)
        if turn.now - self._watched_at >= WATCH_INTERVAL_S:
            self._watch(turn)
        self._keep_processors(turn)
        self._turns.append(turn)
        self._write()

    def cancel(self, batches: Collection[int]) -> None:
        """End the processors that work on these batches."""
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.batch is not None and slot.batch.id in batches:
                self._end(slot, EndReason.CANCELLED, "cancelled by a person", turn)
        self._turns.append(turn)
        self._write()

    def kill(self, names: Collection[str]) -> None:
        """End these processors; their batches wait again on top."""
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.name in names and slot.processor is not None:
                self._end(slot, EndReason.KILLED, "the processor was stopped by a person", turn)
        self._turns.append(turn)
        self._write()

    def stop(self) -> None:
        """End all processors; their batches wait again on top."""
        self._stopping = True
        self.step(self.connections())
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.processor is not None:
                slot.ending = (EndReason.SHUTDOWN, "the daemon stops")
                slot.processor.kill()
                self._listen(slot, turn)
        self._turns.append(turn)
        self._write()

    def _listen(self, slot: Slot, turn: Turn) -> None:
        """Take all that a processor has said, and its end."""
        while slot.processor is not None and self._has_word(slot):
            message = slot.processor.receive()
            if message is None:
                self._lose(slot, turn)
                return
            folder = None if slot.batch is None else self._folders.get(slot.batch.id)
            take_report(slot, message, folder, self._plant, turn)
            self._claiming = self._claiming or slot.batch is None

    def _has_word(self, slot: Slot) -> bool:
        assert slot.processor is not None
        # A processor that is being ended speaks its last words until its pipe closes.
        patience = 5.0 if slot.ending is not None and self._stopping else 0
        return slot.processor.connection.poll(patience)

    def _lose(self, slot: Slot, turn: Turn) -> None:
        assert slot.processor is not None
        how = slot.processor.end()
        lose_processor(slot, how, self._plant, turn)
        slot.die(turn.now)
        self._claiming = True

    def _end(self, slot: Slot, reason: EndReason, text: str, turn: Turn) -> None:
        """Note why a processor is ended, and end it once that is written."""
        if slot.processor is None or slot.ending is not None:
            return
        slot.ending = (reason, text)
        slot.turn(ProcessorState.STOPPING, turn.now)
        if reason not in {EndReason.RENEWAL, EndReason.SURPLUS}:
            turn.log(slot, f"ending the processor: {text}", Level.WARNING, slot.script)
        turn.actions.append(slot.processor.kill)

    def _watch(self, turn: Turn) -> None:
        self._watched_at = turn.now
        for slot in self.slots:
            if slot.processor is None or slot.script is None:
                continue
            memory = slot.processor.memory_bytes()
            slot.memory_peak = max(slot.memory_peak, memory)
            breach = find_breach(slot, turn.now, memory, self._plant.memory_limit_bytes)
            if breach is not None:
                self._end(slot, *breach, turn)

    def _keep_processors(self, turn: Turn) -> None:
        """Start, renew and dismiss processors."""
        if self._stopping:
            return
        for slot in list(self.slots):
            if slot.processor is None:
                if slot.number >= self._wanted:
                    self.slots.remove(slot)
                elif turn.now >= slot.restart_at:
                    slot.processor = self._plant.start(slot.name)
                    slot.turn(ProcessorState.STARTING, turn.now)
            elif slot.batch is None and slot.number >= self._wanted:
                self._end(slot, EndReason.SURPLUS, "fewer processors are wanted", turn)
            elif slot.batch is None and slot.stale:
                self._end(slot, EndReason.RENEWAL, "scripts or settings have changed", turn)

    def _write(self) -> None:
        """Write what the turns have gathered, claim batches, then answer."""
        idle = self._idle_slots()
        if not self._is_due(idle):
            return
        claimed: list[tuple[Slot, BatchOrder, Batch]] = []
        try:
            with self._database.transaction() as t:
                for turn in self._turns:
                    for write in turn.writes:
                        write(t)
                claimed = self._claim(t, idle)
                entries = [entry for turn in self._turns for entry in turn.entries]
                log.append(t, entries)
                self._show(t)
        except CryobatchError as error:
            self._leave_gate(claimed)
            self.trouble = str(error)
            return
        self.trouble = None
        turns, self._turns = self._turns, []
        for slot, order, _ in claimed:
            assert slot.processor is not None
            slot.processor.send({"do": "run", "order": to_json(order)})
        for turn in turns:
            for action in turn.actions:
                action()

    def _is_due(self, idle: Sequence[Slot]) -> bool:
        """Tell whether there is something to write now; words alone are written in groups."""
        if self._claiming and idle:
            return True
        if any(turn.writes or turn.actions for turn in self._turns):
            return True
        self._turns = [turn for turn in self._turns if turn.entries]
        now = self._clock()
        if self._turns and now - self._turns[0].now >= LOG_DELAY_S:
            return True
        return now - self._shown_at >= SHOW_INTERVAL_S and self._shown != self._rows()

    def _idle_slots(self) -> list[Slot]:
        if self._stopping:
            return []
        return [
            slot
            for slot in self.slots
            if slot.state is ProcessorState.IDLE
            and slot.processor is not None
            and not slot.stale
            and slot.number < self._wanted
        ]

    def _claim(self, t: Transaction, idle: Sequence[Slot]) -> list[tuple[Slot, BatchOrder, Batch]]:
        self._hungry = False
        claimed: list[tuple[Slot, BatchOrder, Batch]] = []
        if not self._claiming:
            return claimed
        for slot in idle:
            if not self._plant.gate.enter(slot.number):
                self._hungry = True
                return claimed
            batch = queue.claim(t, slot.name, self._clock())
            if batch is None:
                self._plant.gate.leave(slot.number)
                break
            claimed.append((slot, self._order(t, batch), batch))
            slot.take(batch, self._clock())
        self._claiming = False
        return claimed

    def _order(self, t: Transaction, batch: Batch) -> BatchOrder:
        group, name = library.place_of(t, batch.image_id)
        folder = self._plant.image_folder(group, name)
        self._folders = {
            slot.batch.id: self._folders[slot.batch.id]
            for slot in self.slots
            if slot.batch is not None and slot.batch.id in self._folders
        } | {batch.id: folder}
        wanted = {v for script in batch.scripts for v in self._plant.medians.get(script, ())}
        medians = {value: library.recent_median(t, group, value) for value in sorted(wanted)}
        return BatchOrder(
            batch=batch.id,
            attempt=batch.attempt,
            image_folder=str(folder),
            scripts=batch.scripts,
            parameters=batch.parameters,
            force=batch.force,
            failures=batch.failures,
            staging=str(self._plant.staging_of(batch)),
            scratch=str(self._plant.scratch_of(batch)),
            medians={name: value for name, value in medians.items() if value is not None},
        )

    def _leave_gate(self, claimed: Sequence[tuple[Slot, BatchOrder, Batch]]) -> None:
        """Take back the claims of a transaction that did not come about."""
        for slot, _, _ in claimed:
            self._plant.gate.leave(slot.number)
            slot.free(self._clock())
        self._claiming = True

    def _show(self, t: Transaction) -> None:
        """Write what each processor does, where that has changed."""
        rows = self._rows()
        if rows != self._shown:
            processors.show(t, rows)
            self._shown = rows
            self._shown_at = self._clock()

    def _rows(self) -> list[processors.ProcessorRow]:
        return [_describe_slot(slot) for slot in self.slots]


def _describe_slot(slot: Slot) -> processors.ProcessorRow:
    processor, batch = slot.processor, slot.batch
    return processors.ProcessorRow(
        id=slot.name,
        state=slot.state.value,
        since=slot.since,
        batch=None if batch is None else batch.id,
        image_id=None if batch is None else batch.image_id,
        script=slot.script,
        progress=slot.progress,
        host="" if processor is None else processor.host,
        pid=None if processor is None else processor.pid,
    )
