"""Whatever people and processors do to the queue, it stays what a plain list would be."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from cryobatch.model import BatchState
from cryobatch.store import library, queue
from cryobatch.store.database import Database
from cryobatch.store.queue import Submission
from tests.store.store_images import identity

IMAGES = 6
WORKFLOWS = (("unpack",), ("fit_ctf",))
Choice = st.lists(st.integers(1, 30), max_size=5, unique=True)


@dataclass
class Entry:
    """A batch as the plain model knows it."""

    image: int
    workflow: int
    state: str = "waiting"
    attempt: int = 0
    cancel: bool = False


@dataclass
class Model:
    """The queue as plain Python."""

    batches: dict[int, Entry] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    paused: bool = False

    def in_order(self, ids: list[int]) -> list[int]:
        """Return those that wait, in queue order."""
        return [one for one in self.order if one in ids]

    def insert(self, ids: list[int], place: int) -> None:
        """Put batches at a place."""
        moved = self.in_order(ids)
        rest = [one for one in self.order if one not in ids]
        self.order = rest[:place] + moved + rest[place:]


class QueueMachine(RuleBasedStateMachine):
    """Does the same to both."""

    claims: Bundle[tuple[int, int]] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database.create(Path(self.folder.name) / "library.db")
        self.model = Model()
        with self.database.transaction() as t:
            library.register(t, [identity(n) for n in range(1, IMAGES + 1)])

    def teardown(self) -> None:
        """Remove the file."""
        self.database.close()
        self.folder.cleanup()

    @rule(
        requests=st.lists(
            st.tuples(st.integers(1, IMAGES), st.integers(0, 1)), min_size=1, max_size=4
        ),
        top=st.booleans(),
    )
    def submit(self, requests: list[tuple[int, int]], top: bool) -> None:
        """Add batches."""
        bundle = [Submission(image, WORKFLOWS[kind]) for image, kind in requests]
        with self.database.transaction() as t:
            done = queue.submit(t, bundle, top=top, now=1.0)
        ids = iter(done.ids)
        added: list[int] = []
        for image, kind in requests:
            same = [one for one in self.model.order
                    if (self.model.batches[one].image, self.model.batches[one].workflow)
                    == (image, kind)]  # fmt: skip
            fresh = [one for one in added if self.model.batches[one] == Entry(image, kind)]
            if not same and not fresh:
                one = next(ids)
                self.model.batches[one] = Entry(image, kind)
                added.append(one)
        assert next(ids, None) is None
        assert len(done.duplicates) == len(requests) - len(added)
        self.model.order = added + self.model.order if top else self.model.order + added

    @rule(target=claims)
    def claim(self) -> tuple[int, int]:
        """Give out the first batch of an image that is not busy."""
        batches = self.model.batches
        busy = {entry.image for entry in batches.values() if entry.state == "running"}
        free = [one for one in self.model.order if batches[one].image not in busy]
        with self.database.transaction() as t:
            batch = queue.claim(t, "local-1", 2.0)
        if not free or self.model.paused:
            assert batch is None
            return (0, 0)
        assert batch is not None
        assert batch.id == free[0]
        entry = batches[free[0]]
        entry.state, entry.attempt = "running", entry.attempt + 1
        assert batch.attempt == entry.attempt
        self.model.order.remove(free[0])
        return batch.id, batch.attempt

    @rule(claim=claims, state=st.sampled_from([BatchState.DONE, BatchState.FAILED]))
    def finish(self, claim: tuple[int, int], state: BatchState) -> None:
        """End a claim, if it still holds."""
        with self.database.transaction() as t:
            ended = queue.finish(t, *claim, state, {}, 3.0)  # type: ignore[arg-type]  # two of End
        assert ended == self._holds(claim)
        if ended:
            self.model.batches[claim[0]].state = state.value

    @rule(claim=claims, lost=st.booleans())
    def give_back(self, claim: tuple[int, int], lost: bool) -> None:
        """Give a claim back, if it still holds."""
        with self.database.transaction() as t:
            given = queue.give_back(t, *claim, lost=lost, now=3.0)
        assert given == self._holds(claim)
        if given:
            self._wait_again([claim[0]])

    @rule()
    def restart(self) -> None:
        """Start a new daemon."""
        with self.database.transaction() as t:
            given = [batch.id for batch in queue.give_back_all(t, 4.0)]
        running = [n for n, entry in self.model.batches.items() if entry.state == "running"]
        assert sorted(given) == running
        self._wait_again(given)

    @rule(ids=Choice)
    def to_top(self, ids: list[int]) -> None:
        """Move to the top."""
        with self.database.transaction() as t:
            self._check(queue.to_top(t, ids), ids)
        self.model.insert(ids, 0)

    @rule(ids=Choice)
    def to_bottom(self, ids: list[int]) -> None:
        """Move to the bottom."""
        with self.database.transaction() as t:
            self._check(queue.to_bottom(t, ids), ids)
        self.model.insert(ids, len(self.model.order))

    @rule(ids=Choice, place=st.integers(1, 12))
    def move_to(self, ids: list[int], place: int) -> None:
        """Move to a place."""
        with self.database.transaction() as t:
            self._check(queue.move_to(t, ids, place), ids)
        self.model.insert(ids, place - 1)

    @rule(ids=Choice, upwards=st.booleans())
    def shift(self, ids: list[int], upwards: bool) -> None:
        """Move by one."""
        with self.database.transaction() as t:
            self._check((queue.up if upwards else queue.down)(t, ids), ids)
        order = self.model.order if upwards else self.model.order[::-1]
        for place in range(1, len(order)):
            if order[place] in ids and order[place - 1] not in ids:
                order[place - 1], order[place] = order[place], order[place - 1]
        self.model.order = order if upwards else order[::-1]

    @rule(ids=Choice)
    def remove(self, ids: list[int]) -> None:
        """Cancel some that wait."""
        with self.database.transaction() as t:
            answer = queue.remove(t, ids, 5.0)
        assert sorted(answer.cancelled) == sorted(self.model.in_order(ids))
        self._cancel(self.model.in_order(ids))

    @rule(ids=Choice)
    def request_cancel(self, ids: list[int]) -> None:
        """Cancel some that wait or run."""
        with self.database.transaction() as t:
            answer = queue.request_cancel(t, ids, 5.0)
        for one in answer.asked:
            assert self.model.batches[one].state == "running"
            self.model.batches[one].cancel = True
        self._cancel(self.model.in_order(ids))

    @rule()
    def clear(self) -> None:
        """Cancel all that wait."""
        with self.database.transaction() as t:
            assert queue.clear(t, 5.0) == len(self.model.order)
        self._cancel(list(self.model.order))

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        """Hold the queue or let it go."""
        with self.database.transaction() as t:
            (queue.pause if paused else queue.resume)(t)
        self.model.paused = paused

    @invariant()
    def agree(self) -> None:
        """Order and states are those of the model, and no two batches of an image run."""
        with self.database.reading() as r:
            rows = queue.listing(r, states=tuple(BatchState))
            counts = queue.counts(r)
        found = {row.batch.id: row.batch.state.value for row in rows}
        assert found == {one: entry.state for one, entry in self.model.batches.items()}
        order = [row.batch.id for row in rows if row.batch.state is BatchState.WAITING]
        assert order == self.model.order
        positions = [row.batch.position for row in rows if row.batch.id in order]
        assert len(set(positions)) == len(positions)
        busy = [row.batch.image_id for row in rows if row.batch.state is BatchState.RUNNING]
        assert len(set(busy)) == len(busy) == counts[BatchState.RUNNING]

    def _holds(self, claim: tuple[int, int]) -> bool:
        entry = self.model.batches.get(claim[0])
        return entry is not None and (entry.state, entry.attempt) == ("running", claim[1])

    def _wait_again(self, ids: list[int]) -> None:
        for one in reversed(ids):
            entry = self.model.batches[one]
            entry.state = "cancelled" if entry.cancel else "waiting"
            if not entry.cancel:
                self.model.order.insert(0, one)

    def _cancel(self, ids: list[int]) -> None:
        for one in ids:
            self.model.batches[one].state = "cancelled"
            self.model.order.remove(one)

    def _check(self, moved: queue.Moved, ids: list[int]) -> None:
        assert list(moved.moved) == self.model.in_order(ids)
        assert sorted(moved.moved + moved.not_waiting) == sorted(ids)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, stateful_step_count=30)
