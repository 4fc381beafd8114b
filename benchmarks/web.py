"""The web interface with large made-up libraries, seen through a real browser.

Every page is opened with an empty cache; times run from the first request to the moment when a
person sees it. ``CRYOBATCH_BENCHMARK_IMAGES`` makes the large library smaller for a quick look.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import sync_playwright

from benchmarks.sample_project import project_of_rows
from benchmarks.scale import SCRIPTS, fill_log
from benchmarks.served_load import measure_idle, measure_load, measure_updates
from benchmarks.served_project import Served, add_folders, add_processed_movie, fill_values, serve
from benchmarks.served_visitor import Visitor, launch
from benchmarks.table import print_table
from cryobatch.project import Project
from cryobatch.project.selection import Selection
from cryobatch.project.submission import Choice

MANY = int(os.environ.get("CRYOBATCH_BENCHMARK_IMAGES", "100000"))
SOME = min(20_000, MANY)
LIVE = 40
"""So many images have folders, and are those that change."""


@dataclass(slots=True)
class Table:
    """What was asked for and what was measured."""

    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, name: str, asked: float, found: float, unit: str) -> None:
        """Add a figure that must not be larger than what is asked for."""
        mark = "" if found <= asked else "  !"
        self._put(name, f"{asked:g} {unit}", f"{found:.3g} {unit}{mark}")

    def tell(self, name: str, found: str) -> None:
        """Add what nothing is asked of."""
        self._put(name, "", found)

    def _put(self, *row: str) -> None:
        self.rows.append(row)
        print(*row, sep="  ", flush=True)


def main() -> None:
    """Measure and print."""
    table = Table()
    with _served(SOME, with_queue=False) as (served, names, image), sync_playwright() as start:
        browser = launch(start)
        visitor = Visitor(browser, served)
        table.add(f"library with {SOME:,} images shown", 3.5, visitor.open_library(SOME), "s")
        table.add("an image opened", 0.7, visitor.open_image(image), "s")
        delays = measure_updates(visitor, names, live_ids(served.project))
        table.add("a finished script on the page, p95", 0.6, delays, "s")
        load = measure_load(visitor, names, live_ids(served.project), image)
        table.add("server with 10 pages, 10 updates/s, cores busy", 15.0, load.core_percent, "%")
        table.add("... its memory", 400.0, load.memory_mb, "MB")
        table.add("... REST p99", 150.0, load.p99_ms, "ms")
        table.tell("... REST median; requests of pages a second",
                   f"{load.median_ms:.0f} ms; {load.requests_a_second:.0f}")  # fmt: skip
        for path, requests in measure_idle(visitor, image).items():
            table.add(f"idle page {path}: requests a minute", 4.0, requests, "")
        browser.close()
    with _served(MANY, with_queue=True) as (served, _, image), sync_playwright() as start:
        browser = launch(start)
        _measure_large(Visitor(browser, served), table, image)
        browser.close()
    print_table("Web interface", ["", "asked", "measured"], table.rows)


def _measure_large(visitor: Visitor, table: Table, image: int) -> None:
    table.add(f"library with {MANY:,} images shown", 8.0, visitor.open_library(MANY), "s")
    sorting, filtering = visitor.sort_and_filter_library()
    table.add("... sorted", 1.5, sorting, "s")
    table.add("... filtered", 1.5, filtering, "s")
    table.add("... an image opened", 0.7, visitor.open_image(image), "s")
    log = visitor.use_log()
    for name, asked in (("opened", 2.5), ("sorted", 0.5), ("by level", 0.5), ("by text", 0.5)):
        table.add(f"log with 1,000,000 rows {name}", asked, log[name], "s")
    opening, dragging = visitor.use_queue()
    table.add(f"queue with {MANY:,} batches opened", 2.5, opening, "s")
    table.add("... one dragged to the top, confirmed", 0.3, dragging, "s")


@contextmanager
def _served(images: int, *, with_queue: bool) -> Iterator[tuple[Served, list[str], int]]:
    with project_of_rows(images) as project:
        image = add_processed_movie(project)
        names = fill_values(project)
        add_folders(project, image, live_ids(project))
        if with_queue:
            project.submit(Selection(everything=True), Choice(scripts=SCRIPTS))
            fill_log(project)
        with serve(project) as served:
            yield served, names, image


def live_ids(project: Project) -> list[int]:
    """Return the images that have folders: those that the library shows first."""
    return [int(str(row["id"])) for row in project.images.rows("frames < 2", limit=LIVE)]


if __name__ == "__main__":
    main()
