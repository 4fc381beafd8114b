"""The dispatcher's decisions, at moments that real processes seldom meet."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cryobatch.errors import ProjectError
from cryobatch.model import Batch, BatchState
from cryobatch.processing.dispatcher import Dispatcher
from cryobatch.processing.image_folder import image_lock, read_record
from cryobatch.processing.orders import BatchOrder
from cryobatch.processing.plant import Plant
from cryobatch.processing.processors import Message
from cryobatch.processing.wire import Wire, write_report
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from cryobatch.store import processors, queue
from cryobatch.store.database import Database, Transaction
from tests.daemon.running import wait_for
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject, OpenGate


class Told:
    """A processor at the end of a pipe that says what a test wants it to say.

    Real ones say the same words (the tests of the daemon see to that), but not at such moments.
    """

    host = "here"
    pid = 1

    def __init__(self) -> None:
        ours, self._own = socket.socketpair()
        self._wire = Wire(ours)
        self._handed: list[int] = []
        self._ended = 0
        self._told: list[int] = []
        self.killed = False
        self.say(event="up")

    def say(self, **message: Any) -> None:
        """Let the dispatcher hear something; who has ended a batch begins with the next."""
        batch = self._handed[self._ended] if self._ended < self._begun else None
        self._own.sendall(write_report({**message, "batch": batch}))
        self._ended += message["event"] == "done"

    def mistake(self, batch: int) -> None:
        """Speak of another batch."""
        self._own.sendall(write_report({"event": "done", "result": None, "batch": batch}))

    def begin(self, script: str, time_limit_s: float | None = None) -> None:
        """Say that a script has begun."""
        self.say(event="script_started", script=script, time_limit_s=time_limit_s, remade=False)

    def die(self) -> None:
        """Close its end."""
        self._own.close()

    def begun(self) -> list[int]:
        """Return the batches that it has begun since it was asked last."""
        known, self._told = self._told, self._handed[: self._begun]
        return self._told[len(known) :]

    @property
    def _begun(self) -> int:
        return min(self._ended + 1, len(self._handed))

    def fileno(self) -> int:
        """Return what becomes ready when it has spoken."""
        return self._wire.fileno()

    def send(self, message: Message) -> None:
        """Be told something that no test asks for."""

    def hand(self, orders: Sequence[BatchOrder]) -> None:
        """Begin with the first at once, unless there is one before it."""
        self._handed += [order.batch for order in orders]

    def has_room(self) -> bool:
        """Have room."""
        return True

    def take_back(self) -> int:
        """Give back what was not begun."""
        number = len(self._handed) - self._begun
        del self._handed[self._begun :]
        return number

    def hear(self, patience_s: float = 0.0) -> tuple[Sequence[Message], bool]:
        """Give what was said."""
        return self._wire.receive_all()

    def memory_bytes(self) -> int:
        """Take little memory."""
        return 1

    def kill(self) -> None:
        """Take note."""
        self.killed = True

    def end(self) -> str:
        """Tell how it ended."""
        return "signal 9 (SIGKILL)"


class SharedGate(OpenGate):
    """A gate at which another project may wait."""

    wanted = False

    def is_wanted(self) -> bool:
        """Tell whether it waits."""
        return self.wanted


class Bench:
    """A dispatcher with told processors, and a clock that a test moves."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.now = 1000.0
        self.processors: list[Told] = []
        self.stopped = False
        self.plant = Plant(
            images=project.place.images,
            staging=project.place.staging,
            scratch=project.scratch(),
            start=self._start,
            gate=SharedGate(),
            max_losses=2,
            memory_limit_bytes=None,
            medians={},
            find_stale=project.images.find_stale,
        )
        self.dispatcher = Dispatcher(project.database, self.plant, clock=lambda: self.now)

    def _start(self, name: str) -> Told:
        self.processors.append(Told())
        return self.processors[-1]

    def stop(self) -> None:
        """End all, once."""
        if not self.stopped:
            self.stopped = True
            for processor in self.processors:
                processor.die()
            self.dispatcher.stop()

    def step(self, seconds: float = 1.0) -> None:
        """Let time go by and the dispatcher take a round, with all that is to be heard."""
        self.now += seconds
        self.dispatcher.step(self.dispatcher.descriptors())

    def ready(self, number: int = 1) -> None:
        """Have so many processors that have said that they are up."""
        self.dispatcher.resize(number)
        self.step()
        self.step()

    def submit(self, *images: int) -> list[int]:
        """Submit a batch an image; the dispatcher is told."""
        choice = Choice(scripts=("measure", "pick"))
        ids = list(self.project.submit(Selection(images=images), choice).batches)
        self.dispatcher.notice()
        return ids

    def batch(self, batch: int) -> Batch:
        """Return a batch as it is now."""
        with self.project.database.reading() as r:
            found = queue.get_batch(r, batch)
        assert found is not None
        return found

    def orders(self, processor: Told) -> list[int]:
        """Return the batches that a processor has newly begun."""
        return processor.begun()


@pytest.fixture
def bench(new_project: MakeProject) -> Iterator[Bench]:
    """Return a bench with a project of twelve images."""
    bench = Bench(new_project(12))
    yield bench
    bench.stop()


def test_a_processor_that_is_being_ended_gets_no_other_batch(bench: Bench) -> None:
    """Its batch has ended by itself just before; the next one is for somebody else."""
    bench.ready()
    first, second = bench.submit(1, 2)
    bench.step()
    (processor,) = bench.processors
    assert bench.orders(processor) == [first]
    processor.begin("measure")
    bench.step()
    bench.dispatcher.cancel([first])
    assert processor.killed
    processor.say(event="done", result=None)
    bench.step()
    bench.step()
    assert bench.orders(processor) == []
    assert bench.batch(first).state is BatchState.DONE
    assert bench.batch(second).state is BatchState.WAITING
    processor.die()
    bench.step()
    bench.step()
    bench.step()
    assert bench.orders(bench.processors[1]) == [second]
    assert bench.batch(second).state is BatchState.RUNNING


def test_a_limit_blames_only_the_script_that_it_was_for(bench: Bench) -> None:
    """The slow one ended while its kill was on the way; the one after it is innocent."""
    bench.ready()
    (batch,) = bench.submit(1)
    bench.step()
    (processor,) = bench.processors
    processor.begin("measure", time_limit_s=5)
    bench.step()
    bench.step(10)
    assert processor.killed
    processor.say(event="script_skipped", script="measure")
    processor.begin("pick")
    processor.die()
    bench.step()
    found = bench.batch(batch)
    assert (found.failures, found.losses) == ({}, 0)


def test_the_script_that_went_too_far_fails(bench: Bench) -> None:
    """And the batch waits again on top, for what does not depend on it."""
    bench.ready()
    first, second = bench.submit(1, 2)
    bench.step()
    (processor,) = bench.processors
    processor.begin("measure", time_limit_s=5)
    bench.step()
    bench.step(10)
    processor.die()
    bench.step()
    assert bench.batch(first).failures == {"measure": "took longer than its time limit of 5 s"}
    with bench.project.database.reading() as r:
        assert [row.batch.id for row in queue.listing(r)] == [first, second]


def test_a_person_who_cancels_what_a_limit_ends_is_obeyed(bench: Bench) -> None:
    """The batch does not come back."""
    bench.ready()
    (batch,) = bench.submit(1)
    bench.step()
    (processor,) = bench.processors
    processor.begin("measure", time_limit_s=5)
    bench.step()
    bench.step(10)
    bench.project.queue.kill([batch])
    bench.dispatcher.cancel([batch])
    processor.die()
    bench.step()
    assert bench.batch(batch).state is BatchState.CANCELLED


def test_losses_count_on_the_same_script_alone(bench: Bench) -> None:
    """Twice with another one is no quarantine; twice with the same one is."""
    bench.ready()
    (batch,) = bench.submit(1)
    for number, script in enumerate(("measure", "pick", "pick")):
        bench.step(60)
        bench.step()
        bench.step()
        bench.processors[number].begin(script)
        bench.step()
        bench.processors[number].die()
        bench.step()
    found = bench.batch(batch)
    assert (found.state, list(found.failures)) == (BatchState.FAILED, ["pick"])
    assert "quarantined: its processor died 2 times" in found.failures["pick"]


def test_a_processor_that_cannot_start_is_tried_again_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says why; the daemon goes on."""
    calls = []

    def refuse(name: str) -> Told:
        calls.append(bench.now)
        raise OSError(11, "Resource temporarily unavailable")

    bench.dispatcher.replace_plant(replace(bench.plant, start=refuse))
    bench.dispatcher.resize(1)
    for _ in range(10):
        bench.step(0.5)
    pauses = [later - earlier for earlier, later in pairwise(calls)]
    assert len(calls) >= 3
    assert pauses == sorted(pauses)
    texts = [row.text for row in bench.project.log.page()]
    assert any("cannot be started" in text for text in texts)


def test_a_processor_that_is_gone_before_it_could_work_costs_no_batch(bench: Bench) -> None:
    """There was none to lose."""
    bench.ready()
    (processor,) = bench.processors
    processor.die()
    bench.step()
    (batch,) = bench.submit(1)
    bench.step()
    bench.step()
    assert bench.batch(batch).losses == 0
    assert bench.orders(bench.processors[1]) == [batch]


def test_what_is_claimed_ahead_goes_back_when_somebody_looks(bench: Bench) -> None:
    """Only short batches are claimed ahead, and an order of a person comes before that."""
    bench.ready()
    ids = bench.submit(*range(1, 13))
    bench.step()
    (processor,) = bench.processors
    for _ in range(7):
        processor.say(event="done", result=None)
        bench.step(0.001)
    states = [bench.batch(one).state for one in ids]
    assert states.count(BatchState.RUNNING) > 1, "one runs, some are ready"
    bench.project.queue.pause()
    bench.dispatcher.notice()
    bench.step()
    states = [bench.batch(one).state for one in ids]
    done, running, waiting = BatchState.DONE, BatchState.RUNNING, BatchState.WAITING
    assert states == [done] * 7 + [running] + [waiting] * 4
    with bench.project.database.reading() as r:
        assert [row.batch.id for row in queue.listing(r)] == ids[7:], "each keeps its place"


def hurry(bench: Bench, processor: Told, ended: int) -> None:
    """Let a processor end batches so quickly that it is handed others ahead."""
    for _ in range(ended):
        processor.say(event="done", result=None)
        bench.step(0.001)


def test_batches_that_were_claimed_together_have_each_their_own_time(bench: Bench) -> None:
    """Else one processor would seem to have worked at several at once."""
    bench.ready()
    ids = bench.submit(*range(1, 13))
    bench.step(0.001)
    hurry(bench, bench.processors[0], 10)
    bench.step()
    ended = [bench.batch(one) for one in ids[:10]]
    assert {batch.state for batch in ended} == {BatchState.DONE}
    for one, other in pairwise(ended):
        assert one.finished_at is not None
        assert other.started_at is not None
        assert one.finished_at <= other.started_at


def test_a_result_on_its_way_is_kept_though_its_batch_is_cancelled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is removed, and no other batch of the image begins, before it is committed."""
    staged: list[Message] = []

    def commit(_: Path, message: Message) -> Message:
        staged.append(message)
        return {"do": "committed", "base": [0, 0, 0], "merged": False}

    monkeypatch.setattr("tests.one_processor.commit", commit)
    OneProcessor(bench.project).run(1, "measure")
    bench.ready()
    (batch,) = bench.submit(1)
    bench.step()
    (processor,) = bench.processors
    folder = bench.project.images.folder(1)
    with image_lock(folder):
        processor.say(**{**staged[0], "last": False})
        bench.step()
        bench.project.queue.kill([batch])
        bench.dispatcher.cancel([batch])
        processor.die()
        bench.step()
        bench.step()
        assert bench.batch(batch).state is BatchState.RUNNING

    def is_cancelled() -> bool:
        bench.step()
        return bench.batch(batch).state is BatchState.CANCELLED

    wait_for(is_cancelled, "the end of the batch")
    assert list(read_record(folder).runs) == ["measure"]
    assert bench.batch(batch).failures == {}
    assert not list(bench.plant.staging.glob("1.1*"))


def test_a_queue_that_is_cleared_stays_empty(bench: Bench) -> None:
    """What was claimed ahead does not come back; what had begun goes on, and waits if lost."""
    bench.ready()
    ids = bench.submit(*range(1, 13))
    bench.step(0.001)
    (processor,) = bench.processors
    hurry(bench, processor, 6)
    assert bench.batch(ids[-1]).state is BatchState.RUNNING, "all are claimed"
    bench.project.queue.clear()
    bench.dispatcher.notice()
    bench.step()
    begun, *others = [bench.batch(one) for one in ids[6:]]
    assert (begun.state, begun.cancel) == (BatchState.RUNNING, False)
    assert {batch.state for batch in others} == {BatchState.CANCELLED}
    bench.project.queue.pause()
    processor.die()
    bench.step()
    assert bench.batch(ids[6]).state is BatchState.WAITING


def test_nothing_waits_behind_a_batch_that_takes_long(bench: Bench) -> None:
    """What was handed ahead is for whoever is free then, in its old order."""
    bench.ready(2)
    ids = bench.submit(*range(1, 13))
    bench.step(0.001)
    first, second = bench.processors
    hurry(bench, first, 6)
    done = [bench.batch(one).state for one in ids].count(BatchState.DONE)
    assert done == 6
    bench.step(0.2)
    with bench.project.database.reading() as r:
        running = {batch.id for batch in queue.running(r)}
        waiting = [r.batch.id for r in queue.listing(r, states=(BatchState.WAITING,))]
    assert (len(running), len(waiting)) == (2, 4), "each of the two has its own"
    assert waiting == sorted(waiting)
    second.say(event="done", result=None)
    bench.step(0.001)
    assert waiting[0] in bench.orders(second)


def test_what_a_dead_processor_had_not_begun_was_not_lost_with_it(bench: Bench) -> None:
    """Only the batch that it worked on may be to blame."""
    bench.ready()
    ids = bench.submit(*range(1, 13))
    bench.step(0.001)
    (processor,) = bench.processors
    hurry(bench, processor, 6)
    processor.begin("measure")
    bench.project.queue.pause()
    processor.die()
    bench.step(0.2)
    assert [bench.batch(one).losses for one in ids[6:]] == [1, 0, 0, 0, 0, 0]
    with bench.project.database.reading() as r:
        waiting = [r.batch.id for r in queue.listing(r, states=(BatchState.WAITING,))]
    assert waiting == ids[6:], "each keeps its place"


def test_who_has_ended_by_itself_takes_no_other_with_it(bench: Bench) -> None:
    """A cancel may come while the end of its batch, and the beginning of the next, are unheard."""
    bench.ready()
    ids = bench.submit(*range(1, 13))
    bench.step(0.001)
    (processor,) = bench.processors
    hurry(bench, processor, 6)
    processor.say(event="done", result=None)
    bench.dispatcher.notice()
    bench.dispatcher.cancel([ids[6]])
    assert not processor.killed
    processor.begin("measure")
    bench.step(0.001)
    bench.dispatcher.notice()
    bench.dispatcher.cancel([ids[7]])
    assert processor.killed, "what it works on is known, though nobody has told it yet"


def test_who_stops_claims_nothing_more(bench: Bench) -> None:
    """All that was claimed and not begun waits again, and so does what ran."""
    bench.ready()
    ids = bench.submit(*range(1, 13))
    bench.step(0.001)
    (processor,) = bench.processors
    hurry(bench, processor, 6)
    bench.stop()
    with bench.project.database.reading() as r:
        assert [row.batch.id for row in queue.listing(r)] == ids[6:]
        assert not queue.running(r)


def test_words_about_another_batch_end_the_processor(bench: Bench) -> None:
    """Rather than that a result goes to the wrong image."""
    bench.ready()
    (batch,) = bench.submit(1)
    bench.step(0.001)
    (processor,) = bench.processors
    processor.mistake(batch + 1)
    bench.step(0.001)
    bench.step(0.3)
    assert processor.killed
    assert bench.batch(batch).state is BatchState.RUNNING
    assert any("which is not its" in row.text for row in bench.project.log.page())


def test_what_a_full_disk_swallowed_is_shown_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What processors do was written, and taken back with its transaction."""
    bench.ready()
    bench.submit(1)
    bench.step()
    bench.step()
    written = bench.project.database.transaction

    @contextmanager
    def fail() -> Iterator[Transaction]:
        with written() as t:
            yield t
            raise ProjectError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.project.database, "transaction", fail)
        bench.processors[0].say(event="done", result=None)
        bench.step()
        assert bench.dispatcher.trouble == "the disk is full"
    bench.step()
    bench.step()
    with bench.project.database.reading() as r:
        assert [(row.state, row.batch) for row in processors.listing(r)] == [("idle", None)]


def test_words_of_progress_claim_nothing(bench: Bench) -> None:
    """While a processor is idle because nothing can run."""
    bench.ready(2)
    bench.submit(1)
    bench.step(0.001)
    busy = next(p for p in bench.processors if bench.orders(p))
    busy.begin("measure")
    bench.step(0.3)
    with closing(Database(bench.project.database.path)) as other:
        seen = other.data_version()
        for part in range(5):
            busy.say(event="progress", script="measure", fraction=part / 10)
            bench.step(0.001)
        assert other.data_version() == seen


def test_what_waits_for_another_project_is_not_handed_ahead(bench: Bench) -> None:
    """Its turn comes after the batch that runs."""
    bench.ready()
    bench.plant.gate.wanted = True  # type: ignore[attr-defined]  # the bench's own gate
    bench.submit(*range(1, 13))
    bench.step(0.001)
    (processor,) = bench.processors
    hurry(bench, processor, 6)
    assert processor.take_back() == 0


def test_whoever_can_speak_is_listened_to(bench: Bench) -> None:
    """Each processor, and the committer."""
    bench.ready(3)
    descriptors = bench.dispatcher.descriptors()
    assert {p.fileno() for p in bench.processors} < set(descriptors)
    assert len(descriptors) == 4
