"""The dispatcher: gives batches to processors and takes their results."""

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from cryobatch.errors import CryobatchError
from cryobatch.processing.board import SHOW_INTERVAL_S, Board
from cryobatch.processing.committer import Committer, Outcome
from cryobatch.processing.crew import Crew
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import ProcessorState
from cryobatch.processing.ready import Prepared, Ready, prepare
from cryobatch.processing.reports import conclude_result
from cryobatch.processing.slot import EndReason, Slot
from cryobatch.processing.turn import Result, Turn
from cryobatch.store import log, queue
from cryobatch.store.database import Database, Transaction

LOG_DELAY_S = 0.2
WRITE_DELAY_S = 0.02
"""How long the rows of a committed result wait for a claim to share its transaction."""
RETRY_DELAY_S = 0.5
"""How long to wait after a transaction that did not come about."""
LULL_S = 0.006
"""How long words may gather while all processors have enough to do."""


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
        self._crew = Crew(plant)
        self._clock = clock
        self.trouble: str | None = None
        self._turns: list[Turn] = []
        self._committer = Committer(plant.staging)
        self._losses: dict[int, Turn] = {}
        self._ready = Ready()
        self._claiming = True
        self._hungry = False
        self._board = Board()
        self._retry_at = 0.0
        self._stopping = False

    @property
    def slots(self) -> Sequence[Slot]:
        """Return the processors' slots."""
        return self._crew.slots

    def resize(self, number: int) -> None:
        """Have so many processors; those too many end when their batch has."""
        self._crew.resize(number, self._clock())
        self._claiming = True

    def replace_plant(self, plant: Plant) -> None:
        """Work with other scripts or settings: each processor is renewed before its next batch."""
        self._crew.renew(plant)
        self.notice()

    def notice(self) -> None:
        """Look at the queue again: somebody has changed it."""
        self._claiming = True
        turn = Turn(self._clock())
        self._return_unbegun(turn)
        self._take(turn)

    def descriptors(self) -> list[int]:
        """Return what becomes ready when a processor or the committer has something to say."""
        return [self._committer.fileno(), *self._crew.descriptors()]

    def lull_s(self) -> float:
        """Return how long to let words gather, 0 when a processor may need something soon."""
        return LULL_S if self._crew.is_provided() else 0.0

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
        return self._crew.is_resting()

    def step(self, ready: Collection[int]) -> None:
        """Take one round.

        Args:
            ready: Descriptors that have become ready.
        """
        turn = Turn(self._clock())
        try:
            self._crew.listen(ready, turn)
            if self._committer.fileno() in ready:
                self._conclude(turn, self._committer.take())
            if self._ready.is_overdue(turn.now):
                turn.returned += self._ready.clear()
            self._crew.watch(turn)
            self._crew.keep(turn)
            self._crew.hand_out(self._ready, turn.now)
        finally:
            self._take(turn)  # whatever goes wrong, what was heard is not lost
        self._write()

    def cancel(self, batches: Collection[int]) -> None:
        """End the processors that work on these batches."""
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.batch is not None and slot.batch.id in batches:
                self._crew.end(slot, EndReason.CANCELLED, "cancelled by a person", turn)
        self._take(turn)
        self._write()

    def kill(self, names: Collection[str]) -> None:
        """End these processors; their batches wait again on top."""
        turn = Turn(self._clock())
        for slot in self.slots:
            if slot.name in names:
                text = "the processor was stopped by a person"
                self._crew.end(slot, EndReason.KILLED, text, turn)
        self._take(turn)
        self._write()

    def stop(self) -> None:
        """End all processors; their batches wait again on top."""
        self._stopping = True
        turn = Turn(self._clock())
        self._return_unbegun(turn)
        self._crew.stop(turn)
        self._take(turn)
        last = Turn(turn.now)
        self._conclude(last, self._committer.close())
        self._take(last)
        self._retry_at = 0.0
        self._write()

    def _return_unbegun(self, turn: Turn) -> None:
        """Take back what was claimed and nobody has begun."""
        self._crew.take_back(turn)
        turn.returned += self._ready.clear()

    def _take(self, turn: Turn) -> None:
        """Take what a turn has brought."""
        if turn.returned:
            turn.writes.append(partial(queue.put_back, batches=turn.returned, now=turn.now))
        for seconds in turn.durations:
            self._ready.learn(seconds)
        if turn.returned or turn.durations or turn.released:
            self._claiming = True
        self._turns.append(turn)
        self._committer.put(turn.results)
        for batch, loss in turn.losses.items():
            if self._committer.has(batch):
                self._losses[batch] = loss
            else:
                self._take(loss)

    def _conclude(self, turn: Turn, outcomes: Sequence[tuple[Result, Outcome]]) -> None:
        """Take note of what was committed."""
        for result, outcome in outcomes:
            conclude_result(result, outcome, self._crew.plant, turn)
            if (loss := self._losses.pop(result.batch.id, None)) is not None:
                turn.losses[result.batch.id] = loss
        self._claiming = True  # for another batch of the same image may have waited for that

    def _write(self) -> None:
        """Write what the turns have gathered, and answer; then let results be committed."""
        try:
            self._write_turns()
        finally:
            self._committer.begin()  # while we wait for words: two threads hinder each other

    def _write_turns(self) -> None:
        """Write what the turns have gathered, claim batches, then answer."""
        idle = self._crew.idle()
        if not self._is_due(idle):
            return
        admitted: list[Slot] = []
        claims: list[Prepared] = []
        try:
            with self._database.transaction() as t:
                for turn in self._turns:
                    for write in turn.writes:
                        write(t)
                if self._claiming and not self._stopping:
                    admitted = self._admit(t, idle)
                    claims = self._claim(t, admitted)
                log.append(t, [entry for turn in self._turns for entry in turn.entries])
                if self._stopping or self._board.is_due(self.slots, self._clock()):
                    self._board.show(t, self.slots, self._clock())
        except CryobatchError as error:
            self._leave_gate(admitted)
            self._board = Board()  # what was shown with it was taken back
            self._claiming = True
            self.trouble = str(error)
            self._retry_at = self._clock() + RETRY_DELAY_S
            return
        self.trouble = None
        turns, self._turns = self._turns, []
        now = self._clock()
        for prepared in claims:
            self._ready.put(prepared, now)
        self._crew.hand_out(self._ready, now)
        self._leave_gate([slot for slot in admitted if slot.batch is None])
        for turn in turns:
            for action in turn.actions:
                action()

    def _is_due(self, idle: Sequence[Slot]) -> bool:
        """Tell whether there is something to write now; words alone are written in groups."""
        now = self._clock()
        if now < self._retry_at:
            return False
        if self._claiming and not self._stopping and (idle or self._wanted_ahead()):
            return True
        self._turns = [turn for turn in self._turns if turn.entries or turn.writes or turn.actions]
        if self._turns:
            age = now - self._turns[0].now
            if age >= LOG_DELAY_S or any(turn.actions for turn in self._turns):
                return True
            if age >= WRITE_DELAY_S and any(turn.writes for turn in self._turns):
                return True
        return self._board.is_due(self.slots, now)

    def _admit(self, t: Transaction, idle: Sequence[Slot]) -> list[Slot]:
        """Return the idle processors that may work now, as far as this machine is shared."""
        self._claiming = self._hungry = False
        admitted = []
        for slot in idle:
            if not self._crew.plant.gate.enter(slot.number):
                self._claiming = self._hungry = queue.can_claim(t)
                break
            admitted.append(slot)
        return admitted

    def _claim(self, t: Transaction, admitted: Sequence[Slot]) -> list[Prepared]:
        """Claim batches for processors, and some ahead while batches are short."""
        now = self._clock()
        number = max(0, len(admitted) - len(self._ready)) + self._wanted_ahead(len(admitted))
        names = [slot.name for slot in admitted[:number]]
        names += [""] * (number - len(names))
        claimed = queue.claim_for(t, names, now)
        return [prepare(t, batch, self._crew.plant) for batch in claimed]

    def _wanted_ahead(self, admitted: int = 0) -> int:
        """Return how many batches to claim ahead, for processors that have something to do."""
        if self._crew.plant.gate.is_wanted():
            return 0
        return self._ready.wanted(self._crew.count_busy() + admitted)

    def _leave_gate(self, slots: Sequence[Slot]) -> None:
        """Give back the leave of processors that have got no batch."""
        for slot in slots:
            self._crew.plant.gate.leave(slot.number)
