"""A local processor: whoever ends it ends all that it has started, and that is no failure."""

import time
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from cryobatch.processing.local import LocalProcessor
from cryobatch.processing.processors import Message
from tests.daemon.laboratory import write_family
from tests.one_processor import OneProcessor
from tests.processing.conftest import MakeProject

PATIENCE_S = 20.0


class Dawdler:
    """Stands among the children that are killed, and takes its time."""

    def kill(self) -> None:
        """Let the processor see that its program has died, if it can."""
        time.sleep(0.5)


def await_message(processor: LocalProcessor, event: str) -> None:
    """Wait until a processor has said something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        said, _ = processor.hear(0.05)
        if any(message["event"] == event for message in said):
            return
    raise AssertionError(f"waited in vain for {event}")


def await_program(processor: LocalProcessor) -> None:
    """Wait until its script's program runs."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if psutil.Process(processor.pid).children(recursive=True):
            return
        time.sleep(0.005)
    raise AssertionError("waited in vain for the program")


def last_words(processor: LocalProcessor) -> Iterator[Message]:
    """Yield what it says up to its end."""
    gone = False
    while not gone:
        said, gone = processor.hear(PATIENCE_S)
        yield from said


def test_a_processor_that_is_ended_does_not_see_its_program_die(
    new_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would call that the failure of the script, and the batch would not wait again."""
    project = new_project(1, scripts={})
    write_family(project.place.folder, pause_s=60.0)
    project.reload()
    one = OneProcessor(project)
    mark = f"test-{uuid4()}"  # all that is marked so is ended, in other tests too
    processor = LocalProcessor(one.setup(), mark=mark, environment={}, on_end=lambda _: None)
    try:
        await_message(processor, "up")
        processor.hand([one.order(1, "family")])
        await_program(processor)
        children = psutil.Process.children

        def with_dawdler(process: psutil.Process, recursive: bool = False) -> list[object]:
            return [*children(process, recursive=recursive), Dawdler()]

        monkeypatch.setattr(psutil.Process, "children", with_dawdler)
        processor.kill()
        said = [message["event"] for message in last_words(processor)]
    finally:
        monkeypatch.undo()
        processor.end()
    assert "script_failed" not in said
    assert "done" not in said
