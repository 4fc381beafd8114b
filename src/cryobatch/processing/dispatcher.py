"""The dispatcher: gives batches to processors and takes their results."""

import select
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.processing.committer import Committer, Outcome
from cryobatch.processing.orders import to_json
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import ProcessorState
from cryobatch.processing.ready import Prepared, Ready, give_back_unbegun, prepare
from cryobatch.processing.reports import conclude_result, lose_processor, take_report
from cryobatch.processing.slot import Ending, EndReason, Slot, find_breach
from cryobatch.processing.turn import Result, Turn
from cryobatch.store import log, processors, queue
from cryobatch.store.database import Database, Transaction

WATCH_INTERVAL_S = 0.5
LOG_DELAY_S = 0.2
SHOW_INTERVAL_S = 0.1
WRITE_DELAY_S = 0.02
"""How long the rows of a committed result wait for a claim to share its transaction."""
RETRY_DELAY_S = 0.5
"""How long to wait after a transaction that did not come about."""
LAST_WORDS_S = 5.0


class Dispatcher:
    """Works the queue: claims batches for free processors, commits what they give.

    Each ``step`` takes what the processors have said and what was committed, decides, writes all
    of it in one transaction, and then answers. It is given the time, so that tests need no sleep.
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
        self._committer = Committer()
        self._ready = Ready()
        self._watched_at = 0.0
        self._claiming = True
        self._hungry = False
        self._stopping = False
        self._shown: list[processors.ProcessorRow] = []
        self._shown_at = 0.0
        self._retry_at = 0.0

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
        turn = Turn(self._clock())
        self._return_ready(turn)
        self._take(turn)

    def descriptors(self) -> list[int]:
        """Return what becomes ready when a processor or the committer has something to say."""
        living = [slot.processor for slot in self.slots if slot.processor is not None]
        return [self._committer.fileno(), *(p.connection.fileno() for p in living)]

    def timeout_s(self) -> float:
        """Return how long nobody needs to look."""
        if self.trouble is not None:
            return RETRY_DELAY_S
        if any(turn.writes or turn.actions for turn in self._turns):
            return WRITE_DELAY_S
        if self._turns or self._hungry:
            return 0.05
        if any(slot.state is not ProcessorState.IDLE for slot in self.slots):
            return SHOW_INTERVAL_S
        return 1.0

    def is_hungry(self) -> bool:
        """Tell whether batches wait only because other projects use this machine."""
        return self._hungry

    def is_resting(self) -> bool:
        """Tell whether no batch runs or could run, and nothing waits to be written."""
        if self._turns or self._hungry or self._ready or not self._committer.is_resting():
            return False
        return all(slot.batch is None for slot in self.slots)

    def step(self, ready: Collection[int]) -> None:
        """Take one round.

        Args:
            ready: Descriptors that have become ready.
        """
        turn = Turn(self._clock())
        for slot in list(self.slots):
            if slot.processor is not None and slot.processor.connection.fileno() in ready:
                self._listen(slot, turn)
                self._hand_out(slot, turn.now)
        if self._committer.fileno() in ready:
            self._conclude(turn, self._committer.take())
        if self._ready.is_overdue(turn.now):
            self._return_ready(turn)
        if turn.now - self._watched_at >= WATCH_INTERVAL_S:
            self._watch(turn)
        self._keep_processors(turn)
        self._take(turn)
        self._write()

    def cancel(self, batches: Collection[int]) -> None:
        """End the processors that work on these batches."""
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.batch is not None and slot.batch.id in batches:
                self._end(slot, EndReason.CANCELLED, "cancelled by a person", turn)
        self._take(turn)
        self._write()

    def kill(self, names: Collection[str]) -> None:
        """End these processors; their batches wait again on top."""
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.name in names and slot.processor is not None:
                self._end(slot, EndReason.KILLED, "the processor was stopped by a person", turn)
        self._take(turn)
        self._write()

    def stop(self) -> None:
        """End all processors; their batches wait again on top."""
        self._stopping = True
        self.step(self.descriptors())
        turn = Turn(self._clock())
        living = [slot for slot in self.slots if slot.processor is not None]
        # The last of the queue goes back on top first, so that all keep their order.
        living.sort(key=lambda slot: slot.batch.position if slot.batch else 0, reverse=True)
        for slot in living:
            slot.ending = Ending(EndReason.SHUTDOWN, "the daemon stops", slot.script)
            assert slot.processor is not None
            slot.processor.kill()
        for slot in living:
            self._listen(slot, turn)
        self._return_ready(turn)
        self._take(turn)
        self._conclude(turn, self._committer.close())
        self._retry_at = 0.0
        self._write()

    def _take(self, turn: Turn) -> None:
        self._turns.append(turn)
        self._committer.put(turn.results)

    def _listen(self, slot: Slot, turn: Turn) -> None:
        """Take all that a processor has said, and its end."""
        while slot.processor is not None and self._has_word(slot):
            message = slot.processor.receive()
            if message is None:
                self._lose(slot, turn)
                return
            busy = slot.batch is not None
            take_report(slot, message, self._plant, turn)
            if turn.released:
                self._claiming = True
            if slot.batch is None:
                self._claiming = True
                if busy:
                    self._ready.learn(turn.now - slot.taken_at)

    def _has_word(self, slot: Slot) -> bool:
        assert slot.processor is not None
        # A processor that is being ended speaks its last words until its pipe closes.
        patience_s = LAST_WORDS_S if slot.ending is not None and self._stopping else 0.0
        poller = select.poll()
        poller.register(slot.processor.connection.fileno(), select.POLLIN)
        return bool(poller.poll(patience_s * 1000))

    def _lose(self, slot: Slot, turn: Turn) -> None:
        assert slot.processor is not None
        how = slot.processor.end()
        self._plant.clear_work(slot.name)
        lose_processor(slot, how, self._plant, turn)
        slot.die(turn.now)
        self._claiming = True

    def _end(self, slot: Slot, reason: EndReason, text: str, turn: Turn) -> None:
        """Note why a processor is ended, and end it once that is written."""
        if slot.processor is None or slot.ending is not None:
            return
        slot.ending = Ending(reason, text, slot.script)
        slot.turn(ProcessorState.STOPPING, turn.now)
        if reason not in {EndReason.RENEWAL, EndReason.SURPLUS}:
            turn.log(slot, f"ending the processor: {text}", Level.WARNING, slot.script)
        turn.actions.append(slot.processor.kill)

    def _watch(self, turn: Turn) -> None:
        self._watched_at = turn.now
        limit = self._plant.memory_limit_bytes
        for slot in self.slots:
            if slot.processor is None or slot.script is None:
                continue
            memory = 0 if limit is None else slot.processor.memory_bytes()
            breach = find_breach(slot, turn.now, memory, limit)
            if breach is not None:
                self._end(slot, breach.reason, breach.text, turn)

    def _keep_processors(self, turn: Turn) -> None:
        """Start, renew and dismiss processors."""
        if self._stopping:
            return
        for slot in list(self.slots):
            if slot.processor is None:
                if slot.number >= self._wanted:
                    self.slots.remove(slot)
                elif turn.now >= slot.restart_at:
                    self._start(slot, turn)
            elif slot.batch is None and slot.number >= self._wanted:
                self._end(slot, EndReason.SURPLUS, "fewer processors are wanted", turn)
            elif slot.batch is None and slot.stale:
                self._end(slot, EndReason.RENEWAL, "scripts or settings have changed", turn)

    def _start(self, slot: Slot, turn: Turn) -> None:
        try:
            slot.processor = self._plant.start(slot.name)
        except OSError as error:
            turn.log(slot, f"a processor cannot be started: {error}", Level.ERROR)
            slot.die(turn.now)
        else:
            slot.turn(ProcessorState.STARTING, turn.now)

    def _conclude(self, turn: Turn, outcomes: Sequence[tuple[Result, Outcome]]) -> None:
        """Take note of what was committed."""
        for result, outcome in outcomes:
            conclude_result(result, outcome, self._plant, turn)
        self._claiming = True  # for another batch of the same image may have waited for that

    def _hand_out(self, slot: Slot, now: float) -> None:
        """Give a processor that has become free a batch that is ready."""
        if self._ready and self._is_idle(slot) and self._plant.gate.enter(slot.number):
            prepared = self._ready.take(now)
            assert prepared is not None
            self._begin(slot, prepared, now)

    def _begin(self, slot: Slot, prepared: Prepared, now: float) -> None:
        assert slot.processor is not None
        slot.take(prepared.batch, Path(prepared.order.image_folder), now)
        slot.processor.send({"do": "run", "order": to_json(prepared.order)})

    def _return_ready(self, turn: Turn) -> None:
        """Put back what nobody has begun."""
        for batch in self._ready.clear():
            turn.writes.append(partial(give_back_unbegun, batch=batch, now=turn.now))
            self._claiming = True

    def _write(self) -> None:
        """Write what the turns have gathered, claim batches, then answer."""
        idle = self._idle_slots()
        if not self._is_due(idle):
            return
        admitted: list[Slot] = []
        claims: list[Prepared] = []
        try:
            with self._database.transaction() as t:
                for turn in self._turns:
                    for write in turn.writes:
                        write(t)
                if self._claiming:
                    admitted = self._admit(t, idle)
                    claims = self._claim(t, admitted)
                log.append(t, [entry for turn in self._turns for entry in turn.entries])
                self._show(t)
        except CryobatchError as error:
            self._leave_gate(admitted)
            self._claiming = True
            self.trouble = str(error)
            self._retry_at = self._clock() + RETRY_DELAY_S
            return
        self.trouble = None
        turns, self._turns = self._turns, []
        now = self._clock()
        for prepared in claims:
            self._ready.put(prepared, now)
        for slot in admitted:
            self._hand_out(slot, now)
        self._leave_gate([slot for slot in admitted if slot.batch is None])
        for turn in turns:
            for action in turn.actions:
                action()

    def _is_due(self, idle: Sequence[Slot]) -> bool:
        """Tell whether there is something to write now; words alone are written in groups."""
        now = self._clock()
        if now < self._retry_at:
            return False
        if self._claiming and (idle or self._ready.wanted(len(self.slots))):
            return True
        self._turns = [turn for turn in self._turns if turn.entries or turn.writes or turn.actions]
        if self._turns:
            age = now - self._turns[0].now
            if age >= LOG_DELAY_S or any(turn.actions for turn in self._turns):
                return True
            if age >= WRITE_DELAY_S and any(turn.writes for turn in self._turns):
                return True
        return now - self._shown_at >= SHOW_INTERVAL_S and self._shown != self._rows()

    def _idle_slots(self) -> list[Slot]:
        if self._stopping:
            return []
        return [slot for slot in self.slots if self._is_idle(slot)]

    def _is_idle(self, slot: Slot) -> bool:
        present = slot.processor is not None and slot.state is ProcessorState.IDLE
        return present and not slot.stale and slot.number < self._wanted

    def _admit(self, t: Transaction, idle: Sequence[Slot]) -> list[Slot]:
        """Return the idle processors that may work now, as far as this machine is shared."""
        self._claiming = self._hungry = False
        admitted = []
        for slot in idle:
            if not self._plant.gate.enter(slot.number):
                self._claiming = self._hungry = queue.can_claim(t)
                break
            admitted.append(slot)
        return admitted

    def _claim(self, t: Transaction, admitted: Sequence[Slot]) -> list[Prepared]:
        """Claim batches for processors, and some ahead while batches are short."""
        now = self._clock()
        claimed: list[Prepared] = []
        number = max(0, len(admitted) - len(self._ready)) + self._ready.wanted(len(self.slots))
        for index in range(number):
            name = admitted[index].name if index < len(admitted) else ""
            batch = queue.claim(t, name, now)
            if batch is None:
                break
            claimed.append(prepare(t, batch, self._plant))
        return claimed

    def _leave_gate(self, slots: Sequence[Slot]) -> None:
        """Give back the leave of processors that have got no batch."""
        for slot in slots:
            self._plant.gate.leave(slot.number)

    def _show(self, t: Transaction) -> None:
        """Write what each processor does, where that has changed, but not all the time."""
        if self._clock() - self._shown_at < SHOW_INTERVAL_S and not self._stopping:
            return
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
