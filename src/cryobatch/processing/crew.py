"""The crew: a project's processors, each in its slot: started, heard, handed batches and ended."""

from collections.abc import Collection, Iterable, Iterator

from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.processing.endings import lose_processor
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import Message, ProcessorState
from cryobatch.processing.ready import Ready
from cryobatch.processing.reports import take_report
from cryobatch.processing.slot import Ending, EndReason, Slot, find_breach
from cryobatch.processing.turn import Turn

WATCH_INTERVAL_S = 0.5
LAST_WORDS_S = 5.0
PLENTY = 32
"""Batches ahead of a processor with which it needs nobody for some thousandths of a second."""
PATIENCE_S = 0.1
"""How long a batch may take before others do not wait behind it any more."""

_OF_A_BATCH = frozenset({EndReason.CANCELLED, EndReason.TIME, EndReason.MEMORY})


class Crew:
    """The processors of a dispatcher.

    What they tell, and what they were handed and have not begun, becomes part of a turn.
    """

    def __init__(self, plant: Plant) -> None:
        """Prepare; ``resize`` makes the first slots."""
        self.plant = plant
        self.slots: list[Slot] = []
        self._wanted = 0
        self._watched_at = 0.0
        self._stopping = False

    def resize(self, number: int, now: float) -> None:
        """Have so many processors; those too many end when their batch has."""
        self._wanted = number
        present = {slot.number for slot in self.slots}
        for index in range(number):
            if index not in present:
                slot = Slot(name=f"local-{index + 1}", number=index, restart_at=now)
                self.slots.append(slot)
        self.slots.sort(key=lambda slot: slot.number)

    def renew(self, plant: Plant) -> None:
        """Work with other scripts or settings: each processor is renewed before its next batch."""
        self.plant = plant
        for slot in self.slots:
            slot.stale = slot.processor is not None

    def is_resting(self) -> bool:
        """Tell whether no processor has a batch."""
        return all(slot.batch is None for slot in self.slots)

    def descriptors(self) -> list[int]:
        """Return what becomes ready when a processor has something to say."""
        return [s.processor.fileno() for s in self.slots if s.processor is not None]

    def idle(self) -> list[Slot]:
        """Return the slots whose processors may begin with a batch."""
        return [slot for slot in self._able() if slot.state is ProcessorState.IDLE]

    def hand_out(self, ready: Ready, now: float) -> None:
        """Give free processors a batch each, and some more to all of them while these are short."""
        able = [slot for slot in self._able() if slot.has_room()]
        if not able or not ready:
            return
        share = -(-len(ready) // len(able))
        depth = 0 if self.plant.gate.is_wanted() else ready.depth()
        for slot in able:
            if slot.work is None:
                free = slot.state is ProcessorState.IDLE and ready
                more = depth if slot.settled else 0
                number = 1 + more if free and self.plant.gate.enter(slot.number) else 0
            else:
                prompt = slot.settled and now - slot.taken_at < PATIENCE_S
                number = depth - len(slot.ahead) if prompt else 0
            if batches := ready.take(min(number, share), now):
                slot.hand(batches, now)

    def is_provided(self) -> bool:
        """Tell whether all processors have enough to do for a while."""
        able = list(self._able())
        return bool(able) and all(len(slot.ahead) > PLENTY for slot in able)

    def count_busy(self) -> int:
        """Return how many processors work that may be given more batches."""
        return sum(slot.work is not None for slot in self._able())

    def take_back(self, turn: Turn) -> None:
        """Take back what no processor has begun."""
        for slot in self.slots:
            self._take_back(slot, turn)

    def listen(self, ready: Collection[int], turn: Turn) -> None:
        """Take all that processors have said whose descriptors are ready."""
        for slot in self.slots:
            if slot.processor is not None and slot.processor.fileno() in ready:
                self._hear(slot, turn)

    def watch(self, turn: Turn) -> None:
        """End what has gone beyond a limit; let nothing wait behind a batch that takes long."""
        for slot in self.slots:
            if slot.ahead and turn.now - slot.taken_at > PATIENCE_S:
                turn.durations.append(turn.now - slot.taken_at)  # at least: batches are not short
                self._take_back(slot, turn)
        if turn.now - self._watched_at < WATCH_INTERVAL_S:
            return
        self._watched_at = turn.now
        limit = self.plant.memory_limit_bytes
        for slot in self.slots:
            if slot.processor is None or slot.script is None:
                continue
            memory = 0 if limit is None else slot.processor.memory_bytes()
            breach = find_breach(slot, turn.now, memory, limit)
            if breach is not None:
                self.end(slot, breach.reason, breach.text, turn)

    def keep(self, turn: Turn) -> None:
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
                self.end(slot, EndReason.SURPLUS, "fewer processors are wanted", turn)
            elif slot.batch is None and slot.stale:
                self.end(slot, EndReason.RENEWAL, "scripts or settings have changed", turn)

    def end(self, slot: Slot, reason: EndReason, text: str, turn: Turn) -> None:
        """Note why a processor is ended, and end it once that is written."""
        if slot.processor is None or slot.ending is not None:
            return
        batch, script = slot.batch, slot.script
        self._take_back(slot, turn)
        if reason in _OF_A_BATCH and (slot.batch is not batch or slot.script != script):
            return  # what it was for has ended by itself
        slot.ending = Ending(reason, text, slot.script)
        slot.turn(ProcessorState.STOPPING, turn.now)
        if reason not in {EndReason.RENEWAL, EndReason.SURPLUS}:
            turn.log(slot, f"ending the processor: {text}", Level.WARNING, slot.script)
        turn.actions.append(slot.processor.kill)

    def stop(self, turn: Turn) -> None:
        """End all processors at once, and take their last words."""
        self._stopping = True
        living = [slot for slot in self.slots if slot.processor is not None]
        # The last of the queue goes back on top first, so that all keep their order.
        living.sort(key=lambda slot: slot.batch.position if slot.batch else 0, reverse=True)
        for slot in living:
            slot.ending = Ending(EndReason.SHUTDOWN, "the daemon stops", slot.script)
            assert slot.processor is not None
            slot.processor.kill()
        for slot in living:
            self._hear(slot, turn)

    def _able(self) -> Iterator[Slot]:
        """Yield the slots whose processors may be given batches."""
        for slot in self.slots:
            ends = slot.stale or slot.ending is not None or slot.number >= self._wanted
            if slot.processor is not None and not ends and not self._stopping:
                yield slot

    def _take_back(self, slot: Slot, turn: Turn) -> None:
        """Take back what a processor has not begun, and hear what it has begun instead."""
        turn.returned += [prepared.batch for prepared in slot.take_back(turn.now)]
        if slot.processor is not None:
            # It tells of a batch's end before it begins with the next one: now we know its batch.
            self._take_words(slot, slot.processor.hear()[0], turn)
        if slot.batch is None:
            self.plant.gate.leave(slot.number)

    def _hear(self, slot: Slot, turn: Turn) -> None:
        """Take all that a processor has said, and its end."""
        assert slot.processor is not None
        # A processor that is being ended speaks its last words until its wire closes.
        said, gone = slot.processor.hear(LAST_WORDS_S if self._stopping else 0.0)
        self._take_words(slot, said, turn)
        if gone:
            self._lose(slot, turn)

    def _take_words(self, slot: Slot, said: Iterable[Message], turn: Turn) -> None:
        try:
            for message in said:
                take_report(slot, message, self.plant, turn)
        except CryobatchError as error:
            turn.log(slot, f"the processor is ended: {error}", Level.ERROR, slot.script)
            assert slot.processor is not None
            turn.actions.append(slot.processor.kill)

    def _lose(self, slot: Slot, turn: Turn) -> None:
        assert slot.processor is not None
        self._take_back(slot, turn)
        how = slot.processor.end()
        self.plant.clear_work(slot.name)
        loss = turn
        if slot.batch is not None:
            loss = turn.losses[slot.batch.id] = Turn(turn.now)
        lose_processor(slot, how, self.plant, loss)
        slot.die(turn.now)
        turn.released = True

    def _start(self, slot: Slot, turn: Turn) -> None:
        try:
            slot.processor = self.plant.start(slot.name)
        except OSError as error:
            turn.log(slot, f"a processor cannot be started: {error}", Level.ERROR)
            slot.die(turn.now)
        else:
            slot.turn(ProcessorState.STARTING, turn.now)
