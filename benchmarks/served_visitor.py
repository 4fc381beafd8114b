"""A person at a real browser with an empty cache, and how long everything takes."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

from benchmarks.served_project import Served
from benchmarks.table import median

REPEATS = 3
TIMEOUT_MS = 90_000
SIZE = {"width": 1400, "height": 900}
ROW = ".ag-center-cols-container .ag-row"
FIRST = """() => [...document.querySelectorAll('.ag-row')]
    .find(row => row.getAttribute('row-index') === '0')?.getAttribute('row-id') ?? ''"""
SHOWN = """number => document.querySelectorAll('.ag-row [col-id]').length > 50
    && document.querySelector('.bar strong').textContent.replace(/\\D/g, '').startsWith(number)"""
WAITING = """number => document.querySelectorAll('.ag-row [col-id=image] a').length > 10
    && document.querySelector('.bar strong').textContent.replace(/\\D/g, '').startsWith(number)"""
DRAWN = """() => document.querySelector('.viewer[data-loaded]')
    && document.querySelector('.measured img')?.naturalWidth
    && document.querySelector('.curve path') && document.querySelector('.track path')"""


def launch(playwright: Playwright) -> Browser:
    """Start Debian's Chromium."""
    path = shutil.which("chromium")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person at a browser.

    Args:
        browser: The browser.
        served: What is looked at.
    """

    browser: Browser
    served: Served

    @contextmanager
    def window(self) -> Iterator[Page]:
        """Open an empty window with an empty cache, signed in."""
        context = self.browser.new_context(viewport={"width": 1400, "height": 900})
        access = self.served.access
        context.add_cookies([{"name": access.cookie, "value": access.token,
                              "domain": "127.0.0.1", "path": "/"}])  # fmt: skip
        context.set_default_timeout(TIMEOUT_MS)
        try:
            yield context.new_page()
        finally:
            context.close()

    def seconds_until(self, page: Page, path: str, condition: str, given: object = None) -> float:
        """Open a page; return the seconds until a condition holds on it."""
        started = time.perf_counter()
        page.goto(f"{self.served.address}{path}", wait_until="commit")
        page.wait_for_function(condition, arg=given)
        return time.perf_counter() - started

    def _open(self, path: str, condition: str, given: object = None) -> float:
        times = []
        for _ in range(REPEATS):
            with self.window() as page:
                times.append(self.seconds_until(page, path, condition, given))
        return median(times)

    def open_library(self, images: int) -> float:
        """Return the seconds until the table stands."""
        return self._open("/library", SHOWN, str(images)[:2])

    def open_image(self, image: int) -> float:
        """Return the seconds until micrograph, spectrum, track and curve are seen."""
        return self._open(f"/image?id={image}", DRAWN)

    def sort_and_filter_library(self) -> tuple[float, float]:
        """Return the seconds that a click on a column's head takes, and a typed filter."""
        with self.window() as page:
            self.seconds_until(page, "/library", SHOWN, "")
            sorting = [self._click_head(page, "ctf_resolution") for _ in range(REPEATS)]
            before = page.locator(".bar strong").first.inner_text()
            started = time.perf_counter()
            page.locator(".filter").fill("ctf_resolution < 4.5 and particle_count > 7")
            page.wait_for_function(
                "before => document.querySelector('.bar strong').textContent !== before", arg=before
            )
            return median(sorting), time.perf_counter() - started

    def use_log(self) -> dict[str, float]:
        """Return the seconds that opening, sorting and filtering the log take."""
        rows = "() => document.querySelectorAll('.ag-row [col-id=text]').length > 10"
        found = {"opened": self._open("/log", rows)}
        with self.window() as page:
            self.seconds_until(page, "/log", rows)
            found["sorted"] = median([self._click_head(page, "processor") for _ in range(REPEATS)])
            started = time.perf_counter()
            page.get_by_role("button", name="Errors").click()
            page.wait_for_function(_ALL_ROWS, arg=[".state", "error"])
            found["by level"] = time.perf_counter() - started
            self.seconds_until(page, "/log", rows)
            page.get_by_placeholder("Text").fill("done in 7")  # it is caught up with now
            page.wait_for_function(_ALL_ROWS, arg=["[col-id=text]", "done in 7"])
            started = time.perf_counter()
            page.get_by_placeholder("Text").fill("done in 88 s")
            page.wait_for_function(_ALL_ROWS, arg=["[col-id=text]", "done in 88 s"])
            found["by text"] = time.perf_counter() - started
        return found

    def use_queue(self) -> tuple[float, float]:
        """Return the seconds until the queue is seen, and from a drop to the server's word."""
        waiting = str(self.served.project.queue.counts()["waiting"])[:3]  # type: ignore[index]
        opening = self._open("/queue", WAITING, waiting)
        with self.window() as page:
            self.seconds_until(page, "/queue", WAITING, waiting)
            return opening, median([self._drag(page, row) for row in (7, 9, 11)])

    def _drag(self, page: Page, row: int) -> float:
        dragged = page.locator(f".ag-row[row-index='{row}']").first.get_attribute("row-id")
        handle = _box(page, f".ag-row[row-index='{row}'] .handle")
        first = _box(page, ".ag-row[row-index='0']")
        page.mouse.move(handle["x"] + 6, handle["y"] + 6)
        page.mouse.down()
        page.mouse.move(handle["x"] + 6, handle["y"] - 40, steps=3)
        page.mouse.move(first["x"] + 90, first["y"] + 4, steps=3)
        started = time.perf_counter()
        page.mouse.up()
        page.wait_for_function(f"wanted => ({FIRST})() === wanted", arg=dragged)
        return time.perf_counter() - started

    def _click_head(self, page: Page, column: str) -> float:
        """Return the seconds from a click on a column's head to other rows on top."""
        before = page.evaluate(FIRST)
        head = page.locator(f".ag-header-cell[col-id={column}] .ag-header-cell-label")
        started = time.perf_counter()
        head.click()
        changed = f"before => !['', before].includes(({FIRST})())"
        page.wait_for_function(changed, arg=before)
        return time.perf_counter() - started


_ALL_ROWS = """([cell, text]) => {
    const found = [...document.querySelectorAll(`.ag-row ${cell}`)];
    return found.length > 10 && found.every(one => one.textContent.includes(text));
}"""


def _box(page: Page, selector: str) -> Any:
    """Return where an element is (Any: playwright's own dictionary)."""
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return found
