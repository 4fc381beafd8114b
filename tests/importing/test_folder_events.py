"""Events of a folder are heard again after whatever has ended them."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.importing.watching.events import Events
from tests.daemon.running import wait_for

BAD_NAME = os.fsdecode(b"\xff\xfe.mrc")


class Heard:
    """What was heard."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.paths: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, paths: set[str]) -> None:
        """Take note."""
        with self._lock:
            self.paths |= paths


@pytest.fixture
def heard() -> Heard:
    """Return somebody who listens."""
    return Heard()


@pytest.fixture
def events(tmp_path: Path, heard: Heard) -> Iterator[Events]:
    """Return events of a folder."""
    begun = Events(tmp_path, heard)
    yield begun
    begun.close()


def test_a_name_that_is_no_text_interrupts_events_for_a_moment(
    tmp_path: Path, events: Events, heard: Heard
) -> None:
    """The gap is told, and what comes after it is heard, again after a second such name."""
    for number in (1, 2):
        (tmp_path / f"{number}{BAD_NAME}").touch()
        _wait_for_gap(events, number)
        (tmp_path / f"{number}.mrc").touch()
        _wait_for_path(heard, tmp_path / f"{number}.mrc")


def test_events_that_cannot_be_had_say_why_until_they_can(
    tmp_path: Path, events: Events, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that grants no watches is asked again, ever more seldom."""

    def refuse(*_: object) -> None:
        raise RuntimeError("OS file watch limit reached")

    with monkeypatch.context() as refusing:
        refusing.setattr("cryobatch.importing.watching.events.RustNotify", refuse)
        (tmp_path / BAD_NAME).touch()
        wait_for(lambda: "limit reached" in (events.trouble or ""), "the reason")
        assert events.gaps == 0
    _wait_for_gap(events, 1)
    (tmp_path / "a.mrc").touch()
    _wait_for_path(heard, tmp_path / "a.mrc")


def _wait_for_gap(events: Events, number: int) -> None:
    wait_for(lambda: events.gaps == number and events.trouble is None, f"the end of gap {number}")


def _wait_for_path(heard: Heard, path: Path) -> None:
    wait_for(lambda: str(path) in heard.paths, f"an event of {path.name}")
