"""The dispatcher's decisions, at moments that real processes seldom meet."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from multiprocessing import Pipe
from typing import Any

import pytest

from cryobatch.model import Batch, BatchState
from cryobatch.processing.dispatcher import Dispatcher
from cryobatch.processing.plant import OpenGate, Plant
from cryobatch.processing.processors import Message
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from cryobatch.store import queue
from tests.processing.conftest import MakeProject


class Told:
    """A processor at the end of a pipe that says what a test wants it to say.

    Real ones say the same words (the tests of the daemon see to that), but not at such moments.
    """

    host = "here"
    pid = 1

    def __init__(self) -> None:
        self.connection, self._own = Pipe()
        self.killed = False
        self.say(event="up")

    def say(self, **message: Any) -> None:
        """Let the dispatcher hear something."""
        self._own.send_bytes(json.dumps(message).encode())

    def begin(self, script: str, time_limit_s: float | None = None) -> None:
        """Say that a script has begun."""
        self.say(event="script_started", script=script, time_limit_s=time_limit_s, remade=False)

    def die(self) -> None:
        """Close the pipe, all that it was told being read."""
        if not self._own.closed:
            self.heard()
            self._own.close()

    def heard(self) -> list[Message]:
        """Return all that it was told."""
        found = []
        while self._own.poll():
            found.append(json.loads(self._own.recv_bytes()))
        return found

    def send(self, message: Message) -> None:
        """Be told something."""
        self.connection.send_bytes(json.dumps(message).encode())

    def receive(self) -> Message | None:
        """Give the next word."""
        try:
            message: Message = json.loads(self.connection.recv_bytes())
        except EOFError:
            return None
        return message

    def memory_bytes(self) -> int:
        """Take little memory."""
        return 1

    def kill(self) -> None:
        """Take note."""
        self.killed = True

    def end(self) -> str:
        """Tell how it ended."""
        return "signal 9 (SIGKILL)"


class Bench:
    """A dispatcher with told processors, and a clock that a test moves."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.now = 1000.0
        self.processors: list[Told] = []
        self.plant = Plant(
            images=project.place.images,
            staging=project.place.staging,
            scratch=project.scratch(),
            start=self._start,
            gate=OpenGate(),
            max_losses=2,
            memory_limit_bytes=None,
            medians={},
            find_stale=project.images.find_stale,
        )
        self.dispatcher = Dispatcher(project.database, self.plant, clock=lambda: self.now)

    def _start(self, name: str) -> Told:
        self.processors.append(Told())
        return self.processors[-1]

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
        """Return the batches that a processor was newly ordered to run."""
        return [m["order"]["batch"] for m in processor.heard() if m["do"] == "run"]


@pytest.fixture
def bench(new_project: MakeProject) -> Iterator[Bench]:
    """Return a bench with a project of twelve images."""
    bench = Bench(new_project(12))
    yield bench
    for processor in bench.processors:
        processor.die()
    bench.dispatcher.stop()


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


def test_whoever_can_speak_is_listened_to(bench: Bench) -> None:
    """Each processor, and the committer."""
    bench.ready(3)
    descriptors = bench.dispatcher.descriptors()
    assert {p.connection.fileno() for p in bench.processors} < set(descriptors)
    assert len(descriptors) == 4
