"""The queue at 10^5 waiting batches and the log at 10^6 rows."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.sample_project import project_of_rows
from benchmarks.table import median, percentile, print_table
from cryobatch.model.batch import BatchState
from cryobatch.model.event import Level, LogEntry
from cryobatch.project import Project
from cryobatch.project.selection import Selection
from cryobatch.project.submission import Choice
from cryobatch.store import log, queue

FEW = 1_000
MANY = 100_000
LOG_ROWS = 1_000_000
CLAIMS = 60
REPEATS = 7
LOG_CHUNK = 20_000
SCRIPTS = ("pick_particles",)
SORTS = ("time", "level", "processor", "image", "batch", "script")


def main() -> None:
    """Measure and print."""
    rows = [_measure_queue(FEW), _measure_queue(MANY)]
    names = ["submit all, s", "list 50, ms", "move to top, ms", "claim and finish / s",
             "list 50 as a command, s", "move to top as a command, s"]  # fmt: skip
    columns = ["waiting batches", f"{FEW:,}", f"{MANY:,}"]
    print_table(
        "Queue", columns, [[name, *values] for name, *values in zip(names, *rows, strict=True)]
    )
    _measure_log()


def _measure_queue(batches: int) -> Sequence[object]:
    with project_of_rows(batches) as project:
        submitting = _seconds(
            lambda: project.submit(Selection(everything=True), Choice(scripts=SCRIPTS))
        )
        waiting = project.queue.counts()[BatchState.WAITING]
        if waiting != batches:
            raise RuntimeError(f"{waiting} of {batches} batches wait")
        ids = [row.batch.id for row in project.queue.listing()]
        last = iter(reversed(ids))
        listing = _median_ms(lambda: project.queue.listing(limit=50))
        moving = _median_ms(lambda: project.queue.to_top([next(last)]))
        commands = [
            _command_seconds(project, ["queue", "list", "--limit", "50"]),
            _command_seconds(project, ["queue", "top", str(next(last))]),
        ]
        claiming = _claims_per_second(project)
    return [submitting, listing, moving, claiming, *commands]


def _claims_per_second(project: Project) -> float:
    def claim_and_finish(_: int) -> bool:
        with project.database.transaction() as t:
            batch = queue.claim(t, "local-1", time.time())
            assert batch is not None
        with project.database.transaction() as t:
            return queue.finish(t, batch.id, batch.attempt, BatchState.DONE, {}, time.time())

    def work_off() -> list[bool]:
        return [claim_and_finish(number) for number in range(CLAIMS)]

    # The quickest round: other programs' writes to the same disk only ever slow it down.
    return CLAIMS / min(_seconds(work_off) for _ in range(REPEATS))


def _measure_log() -> None:
    with project_of_rows(1_000) as project:
        filling = _seconds(lambda: fill_log(project))
        rows: list[Sequence[object]] = []
        for sort in SORTS:
            for descending in (True, False):
                times = [_page_ms(project, sort, descending) for _ in range(REPEATS)]
                order = "falling" if descending else "rising"
                rows.append([f"{sort}, {order}", median(times), percentile(times, 100)])
    title = f"Log of {LOG_ROWS:,} rows, first page (filled in {filling:.0f} s)"
    print_table(title, ["sorted by", "ms", "longest"], rows)


def _page_ms(project: Project, sort: str, descending: bool) -> float:
    return 1000.0 * _seconds(lambda: project.log.page(sort=sort, descending=descending))


def fill_log(project: Project) -> None:
    """Fill the log with rows of every level, processor and script."""
    entries = _entries()
    for _ in range(LOG_ROWS // LOG_CHUNK):
        with project.database.transaction() as t:
            log.append(t, [next(entries) for _ in range(LOG_CHUNK)])


def _entries() -> Iterator[LogEntry]:
    levels, scripts = tuple(Level), ("unpack", "correct_drift", "fit_ctf", "pick_particles")
    for number in range(LOG_ROWS):
        yield LogEntry(
            time=1.7e9 + number * 0.01,
            text=f"done in {number % 90} s",
            level=levels[0 if number % 50 else number % len(levels)],
            processor=f"local-{number % 8 + 1}",
            image_id=number % 1_000 + 1,
            batch=number // 8 + 1,
            script=scripts[number % len(scripts)],
        )


def _command_seconds(project: Project, arguments: Sequence[str]) -> object:
    """Return the median time of a command, or a word where it is not installed."""
    program = Path(sys.executable).with_name("cryobatch")
    if not program.is_file():
        return "not installed"
    command = [str(program), *arguments]
    folder = project.place.folder

    def run() -> None:
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    return median([_seconds(run) for _ in range(REPEATS)])


def _median_ms(work: Callable[[], object]) -> float:
    return 1000.0 * median([_seconds(work) for _ in range(REPEATS)])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
