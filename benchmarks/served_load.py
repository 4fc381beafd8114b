"""What open pages cost the server, and how soon they show what has changed."""

import json
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.served_project import (
    COUNTED,
    Served,
    busy_cores,
    cpu_seconds,
    updating,
    wait_until,
)
from benchmarks.served_visitor import SHOWN, Visitor
from benchmarks.table import median, percentile

UPDATES_A_SECOND = 10.0
UPDATES = 150
LOAD_S = 30.0
ASKED_A_SECOND = 10.0
IDLE_S = 30.0
SETTLE_S = 4.0
CORES = 2
SHOWN_ROWS = 10
OPEN = ("/", "/library", "/library", "/queue", "/control", "/log", "/processors", "/library")
STARTED = "() => document.querySelector('body[data-started]')"
_WATCH = """column => {
    window.seen = new Map();
    const look = () => {
        for (const cell of document.querySelectorAll(`.ag-row [col-id=${column}]`)) {
            const number = Number(cell.textContent.replace(/\\D/g, ''));
            if (!window.seen.has(number)) window.seen.set(number, Date.now() / 1000);
        }
        requestAnimationFrame(look);
    };
    look();
}"""
_VISIBLE = """[...document.querySelectorAll('.ag-center-cols-container .ag-row')]
    .sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))
    .map(row => Number(row.getAttribute('row-id')))"""


@dataclass(slots=True)
class Load:
    """What a server with open pages needs.

    Args:
        core_percent: Of one core.
        memory_mb: Largest resident size.
        times_ms: Of a program's requests.
        requests_a_second: Of all pages.
    """

    core_percent: float = 0.0
    memory_mb: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    requests_a_second: float = 0.0

    @property
    def p99_ms(self) -> float:
        """Return the time that one in a hundred requests exceeds."""
        return percentile(self.times_ms, 99.0)

    @property
    def median_ms(self) -> float:
        """Return the time of a usual request."""
        return median(self.times_ms)


def measure_updates(visitor: Visitor, names: Sequence[str], ids: Sequence[int]) -> float:
    """Return the delay (s) that one update in twenty exceeds, from its commit to the screen."""
    with visitor.window() as page:
        visitor.seconds_until(page, "/library", SHOWN, "")
        page.locator(f".ag-header-cell[col-id={COUNTED}]").scroll_into_view_if_needed()
        on_screen = [one for one in page.evaluate(_VISIBLE) if one in set(ids)][:SHOWN_ROWS]
        page.wait_for_timeout(1000.0 * SETTLE_S)
        page.evaluate(_WATCH, COUNTED)
        with updating(visitor.served, names, on_screen, UPDATES_A_SECOND) as told:
            while len(_read(told)) < UPDATES:
                page.wait_for_timeout(500.0)
        page.wait_for_timeout(2000.0)
        seen = dict(page.evaluate("[...window.seen]"))
        done = _read(told)[10:UPDATES]
    # A value that was replaced before it was drawn was never to be seen.
    delays = [seen[number] - moment for number, moment in done if number in seen]
    if len(delays) < 0.8 * len(done):
        raise RuntimeError(f"only {len(delays)} of {len(done)} updates were seen")
    return percentile(delays, 95.0)


def measure_load(visitor: Visitor, names: Sequence[str], ids: Sequence[int], image: int) -> Load:
    """Return what ten open pages cost while scripts finish and the cores have other work."""
    load, server = Load(), visitor.served.server
    paths = [*OPEN, f"/image?id={image}", f"/image?id={ids[0]}"]
    requests: list[str] = []
    with ExitStack() as stack:
        pages = [stack.enter_context(visitor.window()) for _ in paths]
        for page, path in zip(pages, paths, strict=True):
            visitor.seconds_until(page, path, STARTED)
            page.on("request", lambda request: requests.append(request.url))
        stack.enter_context(updating(visitor.served, names, list(ids), UPDATES_A_SECOND))
        stack.enter_context(busy_cores(CORES))
        pages[0].wait_for_timeout(1000.0 * SETTLE_S)
        requests.clear()
        before, began = cpu_seconds(server), time.monotonic()
        asking = threading.Thread(target=_ask, args=(visitor.served, load, ids, began + LOAD_S))
        asking.start()
        while asking.is_alive():
            pages[0].wait_for_timeout(500.0)
            load.memory_mb = max(load.memory_mb, server.memory_info().rss / 1e6)
        lasted = time.monotonic() - began
        load.core_percent = 100.0 * (cpu_seconds(server) - before) / lasted
        load.requests_a_second = len(requests) / lasted
    return load


def _ask(served: Served, load: Load, ids: Sequence[int], until: float) -> None:
    """Ask as a program would, at an even pace, everything in turn."""
    paths = ["/session", "/queue?limit=100", "/log?limit=100", "/processors", "/queue/counts",
             "/library?limit=100&where=ctf_resolution%3C4", f"/images/{ids[1]}",
             f"/images/{ids[2]}/view", "/library/fields", "/scripts"]  # fmt: skip
    number, began = 0, time.monotonic()
    while time.monotonic() < until:
        started = time.perf_counter()
        served.get(paths[number % len(paths)])
        load.times_ms.append(1000.0 * (time.perf_counter() - started))
        number += 1
        wait_until(began + number / ASKED_A_SECOND)


def measure_idle(visitor: Visitor, image: int) -> dict[str, float]:
    """Return how often pages ask, a minute, while nothing happens."""
    paths = [*dict.fromkeys(OPEN), f"/image?id={image}"]
    asked: dict[str, list[str]] = {path: [] for path in paths}
    with ExitStack() as stack:
        pages = [stack.enter_context(visitor.window()) for _ in paths]
        for page, path in zip(pages, paths, strict=True):
            visitor.seconds_until(page, path, STARTED)
        pages[0].wait_for_timeout(1000.0 * SETTLE_S)
        for page, path in zip(pages, paths, strict=True):
            _listen(page, asked[path])
        pages[0].wait_for_timeout(1000.0 * IDLE_S)
        return {path: 60.0 / IDLE_S * len(found) for path, found in asked.items()}


def _listen(page: Page, asked: list[str]) -> None:
    page.on("request", lambda request: asked.append(request.url))


def _read(told: Path) -> list[tuple[int, float]]:
    lines = told.read_text().splitlines()
    return [(int(number), float(moment)) for number, moment in map(json.loads, lines)]
