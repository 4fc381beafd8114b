"""The wire and the tray: words arrive whole, and what nobody has begun can be taken back."""

import math
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from cryobatch.processing.tray import Permits, Tray
from cryobatch.processing.wire import Wire, write_orders, write_report

Ends = tuple[Wire, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return a wire's end, and the bare socket at its other."""
    ours, theirs = socket.socketpair()
    with closing(Wire(ours)) as wire, theirs:
        yield wire, theirs


@pytest.fixture
def tray() -> Iterator[Tray]:
    """Return an empty tray."""
    with closing(Tray()) as tray:
        yield tray


def test_a_message_in_pieces_is_one(ends: Ends) -> None:
    """A socket may cut anywhere."""
    wire, other = ends
    line = write_report({"event": "message", "text": "one\ntwo"})
    other.sendall(line[:9])
    assert wire.receive_all() == ([], False) or list(wire.receive_all()[0]) == []
    other.sendall(line[9:] + line)
    said, gone = wire.receive_all()
    assert ([m["text"] for m in said], gone) == (["one\ntwo"] * 2, False)


def test_last_words_are_heard_before_the_end(ends: Ends) -> None:
    """Also of one that has died with words for it unread."""
    wire, other = ends
    wire.send(write_orders([{"do": "run"}]))
    other.sendall(write_report({"event": "up"}))
    other.close()
    said, gone = wire.receive_all(patience_s=5.0)
    assert ([m["event"] for m in said], gone) == (["up"], True)


def test_who_waits_for_the_dead_is_told(ends: Ends) -> None:
    """And gets what was said before."""
    wire, other = ends
    other.sendall(write_report({"event": "up"}))
    other.close()
    assert wire.receive() == {"event": "up"}
    with pytest.raises(EOFError):
        wire.receive()


def test_names_that_are_no_text_and_infinite_parameters_arrive(ends: Ends) -> None:
    """JSON has no word for either."""
    wire, other = ends
    other.sendall(write_report({"path": "movie-\udcff.mrc"}))
    other.sendall(write_orders([{"low": -math.inf}]))
    assert list(wire.receive_all()[0]) == [{"path": "movie-\udcff.mrc"}, {"low": -math.inf}]


def test_who_does_not_read_holds_nobody_up(ends: Ends) -> None:
    """What has no room waits for it, and arrives whole."""
    wire, other = ends
    line = write_orders([{"text": "x" * 1000}])
    posted = 1
    while wire.post(line):
        posted += 1
    received = b""
    while len(received) < posted * len(line):
        received += other.recv(1 << 20)
        wire.post()
    assert wire.post()
    assert received == posted * line


def test_what_was_begun_is_not_taken_back(tray: Tray) -> None:
    """And what was taken back is not begun, in whatever order both sides come."""
    permits = Permits(tray.reader)
    tray.put([1, 2, 3])
    assert permits.allows(1)
    assert tray.take_back() == 2
    tray.put([4, 5])
    assert [permits.allows(number) for number in (2, 3, 4)] == [False, False, True]
    assert tray.take_back() == 1
    assert not permits.allows(5)
    tray.put([6])
    assert permits.allows(6)
    assert tray.take_back() == 0


def test_both_sides_at_once_agree_on_what_was_begun() -> None:
    """What is taken back are the last ones: none before a batch that has begun."""
    numbers = range(1, 17)
    for _ in range(1000):
        with closing(Tray()) as tray, ThreadPoolExecutor(1) as processor:
            tray.put(numbers)
            begun = processor.submit(list, filter(Permits(tray.reader).allows, numbers))
            back = tray.take_back()
            assert begun.result() == list(numbers[: len(numbers) - back])
