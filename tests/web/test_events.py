"""Whoever listens hears of every change once, also after a lost connection."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryobatch.project import Project, Selection
from cryobatch.project.correction import flag_image
from cryobatch.project.pulse import Pulse
from cryobatch.web.hub import Hub
from tests.web.site import Site


@dataclass(frozen=True, slots=True)
class Event:
    """One event (Any: JSON's own variety)."""

    id: str
    kind: str
    data: Any


@contextmanager
def listening(site: Site, last: str | None = None) -> Iterator[Iterator[Event]]:
    """Listen to the stream, from the event after one."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    headers = {"Authorization": f"Bearer {site.access.guest}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    connection.request("GET", "/api/v1/events", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    try:
        yield read_events(answer)
    finally:
        connection.close()


def read_events(answer: http.client.HTTPResponse) -> Iterator[Event]:
    """Yield the events of a stream."""
    found: dict[str, str] = {}
    while line := answer.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name in {"id", "event", "data"}:
            found[name] = value
        elif "data" in found:
            yield Event(found["id"], found["event"], json.loads(found["data"]))
            found = {}


def test_changes_are_heard_with_what_changed(site: Site) -> None:
    """Whoever made them: another process's flag on an image, and a batch far down the queue."""
    with listening(site) as events:
        assert next(events).kind == "hello"
        site.project.images.update(Selection(images=(3,)), flag_image("red"))
        heard = next(events)
        assert (heard.kind, heard.data["images"]) == ("change", [3])
        assert "images" in heard.data["topics"]
        site.project.queue.to_top([20])
        assert next(events).data["topics"] == ["queue"]
        site.project.log.write("hello")
        heard = next(events)
        assert heard.data["topics"] == ["log"]
        assert heard.data["log"] == site.project.log.last_id()


def test_what_was_missed_is_sent_again(site: Site) -> None:
    """A browser that lost the connection names the last event that it saw."""
    with listening(site) as events:
        first = next(events)
        site.project.queue.pause()
        paused = next(events)
        site.project.queue.resume()
        resumed = next(events)
    with listening(site, paused.id) as events:
        assert next(events) == resumed
    with listening(site, first.id) as events:
        assert [next(events), next(events)] == [paused, resumed]
    for unknown in ("00000000-7", f"{first.id.partition('-')[0]}-²"):
        with listening(site, unknown) as events:
            assert next(events).kind == "reset"


def test_a_look_at_what_has_not_changed_finds_nothing(project: Project) -> None:
    """A change is told once; a look without one reads a single number."""
    pulse = Pulse(project.place)
    assert pulse.look() is None
    project.queue.up([9])
    change = pulse.look()
    assert change is not None
    assert change.topics == {"queue"}
    assert pulse.look() is None
    project.queue.clear()
    change = pulse.look()
    assert change is not None
    assert "queue" in change.topics
    pulse.close()


def test_what_is_told_before_anybody_listens_is_heard() -> None:
    """A page that was made before, and listens after, misses nothing."""
    hub = Hub(lambda: None)
    known = hub.event_id()
    hub.tell("jobs")

    async def listen() -> str:
        stream = hub.listen(known)
        assert await anext(stream) == ": welcome back\n\n"
        heard = await anext(stream)
        hub.close()
        return heard

    # A browser's test before this one may have left a loop in the thread.
    with ThreadPoolExecutor(1) as thread:
        assert '"topics":["jobs"]' in thread.submit(asyncio.run, listen()).result()
