"""How many batches that do nothing pass through two processors, beside Huey and Dask.

cryobatch keeps its queue with ``synchronous=FULL`` and commits each batch's values into the
image's own parameter file; Huey keeps its queue in SQLite with ``fsync=True``; Dask keeps nothing.
Each rate is from the first task's first line to the end of the last task, workers already up.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.sample_project import FIRST_LINE, NO_OPERATION, project_of_files
from benchmarks.table import median, percentile, print_table
from cryobatch.daemon.work import run_queue
from cryobatch.model.batch import BatchState
from cryobatch.project import Project
from cryobatch.project.selection import Selection
from cryobatch.project.submission import Choice

TASKS = 2_000
SINGLE_TASKS = 60
WORKERS = 2
REPEATS = 5
TIMEOUT_S = 120.0

_SERVE = """
import sys
from cryobatch.daemon.work import serve
from cryobatch.project import Project
with Project.open(sys.argv[1]) as project:
    serve(project, processors=int(sys.argv[2]), show=lambda snapshot: None)
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """How batches went through the processors.

    Attributes:
        per_second: Batches a second.
        rounds_ms: From first line to first line on one processor: a little more than from its
            being free to the first line of its next script.
    """

    per_second: float
    rounds_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a batch, by the log."""

    processor: str
    image: int
    moment: float


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory(prefix="cryobatch-benchmark-") as folder:
        _compare(Path(folder))


def _compare(parent: Path) -> None:
    passages: list[Passage] = []
    rates: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        passages.append(pass_through_cryobatch(TASKS, parent))
        for name, package, measure in _PEERS:
            if find_spec(package) is None:
                print(f"{name}: {package} is not installed, left out")
                continue
            rates.setdefault(name, []).append(measure(TASKS))
    rows = [["cryobatch, parameter file each", median([p.per_second for p in passages])]]
    rows += [[name, median(found)] for name, found in rates.items()]
    title = f"{TASKS} no-op batches, {WORKERS} processors, medians of {REPEATS}"
    print_table(title, ["", "batches/s"], rows)
    found = {
        "first line of the processor's last batch": [ms for p in passages for ms in p.rounds_ms],
        "submission to an idle processor": submit_one_by_one(SINGLE_TASKS, parent),
    }
    delays = [[name, percentile(ms, 50), percentile(ms, 99)] for name, ms in found.items()]
    print_table("cryobatch, to the script's first line", ["from", "p50 ms", "p99 ms"], delays)


def pass_through_cryobatch(tasks: int, parent: Path) -> Passage:
    """Work off a queue of no-ops in a project of its own."""
    with project_of_files(tasks, parent) as project:
        project.submit(Selection(everything=True), Choice(scripts=(NO_OPERATION,)))
        outcome = run_queue(project, processors=WORKERS, show=lambda _: None)
        if outcome.done != tasks:
            raise RuntimeError(f"{outcome.done} of {tasks} batches were done")
        first_lines = _first_lines(project)
        ends = _batch_ends(project, tasks)
    seconds = max(end.moment for end in ends) - min(first_lines.values())
    rounds = []
    for processor in {end.processor for end in ends}:
        lines = sorted(first_lines[end.image] for end in ends if end.processor == processor)
        rounds += [1000.0 * (after - before) for before, after in pairwise(lines)]
    return Passage(tasks / seconds, rounds)


def submit_one_by_one(tasks: int, parent: Path) -> list[float]:
    """Return ms from the call that submits to the first line, the processors being idle."""
    with project_of_files(tasks, parent) as project, _serving(project):
        images = [int(str(row["id"])) for row in project.images.rows()]
        called: dict[int, float] = {}
        for image in images:
            _await_rest(project)
            called[image] = time.time()
            project.submit(Selection(images=(image,)), Choice(scripts=(NO_OPERATION,)))
        _await_rest(project)
        first_lines = _first_lines(project)
    # The first one waits for the processors to start.
    return [1000.0 * (first_lines[image] - called[image]) for image in images[WORKERS:]]


def pass_through_huey(tasks: int) -> float:
    """Return Huey's rate: its consumer with two worker processes on a filled queue."""
    with TemporaryDirectory(prefix="cryobatch-benchmark-") as folder:
        os.environ["BENCHMARK_HUEY_FILE"] = str(Path(folder) / "huey.db")
        sys.modules.pop("benchmarks.huey_tasks", None)
        from benchmarks.huey_tasks import stamp

        results = [stamp() for _ in range(tasks)]
        command = [sys.executable, "-m", "huey.bin.huey_consumer", "benchmarks.huey_tasks.queue",
                   "--workers", str(WORKERS), "--worker-type", "process", "--quiet",
                   "--delay", "0.001", "--max-delay", "0.01"]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as consumer:
            try:
                moments = [result.get(blocking=True, timeout=TIMEOUT_S) for result in results]
            finally:
                consumer.send_signal(signal.SIGINT)
                consumer.wait(TIMEOUT_S)
    return _rate(moments)


def pass_through_dask(tasks: int) -> float:
    """Return Dask's rate with all tasks submitted at once, which is how it is fastest."""
    with _dask_cluster() as client:
        futures = client.map(_stamp, range(tasks), pure=False)  # type: ignore[attr-defined]
        return _rate(client.gather(futures))  # type: ignore[attr-defined]


def pass_late_through_dask(tasks: int) -> float:
    """Return Dask's rate with one task a worker at a time, which keeps the order changeable."""
    from distributed import as_completed

    with _dask_cluster() as client:
        submit: Callable[[int], object] = lambda n: client.submit(_stamp, n, pure=False)  # type: ignore[attr-defined]  # noqa: E731
        numbers = iter(range(tasks))
        running = as_completed([submit(next(numbers)) for _ in range(WORKERS)])
        moments = []
        for future in running:
            moments.append(future.result())
            number = next(numbers, None)
            if number is not None:
                running.add(submit(number))
    return _rate(moments)


def _stamp(_: int) -> float:
    return time.time()


def _rate(moments: Sequence[float]) -> float:
    return len(moments) / (max(moments) - min(moments))


@contextmanager
def _dask_cluster() -> Iterator[object]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(WORKERS)
        client.gather(client.map(_stamp, range(-WORKERS, 0), pure=False))
        yield client


@contextmanager
def _serving(project: Project) -> Iterator[None]:
    command = [sys.executable, "-c", _SERVE, str(project.place.folder), str(WORKERS)]
    with subprocess.Popen(command) as daemon:
        try:
            yield
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(TIMEOUT_S)


def _await_rest(project: Project) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        counts = project.queue.counts()
        if not counts[BatchState.WAITING] and not counts[BatchState.RUNNING]:
            return
        time.sleep(0.005)
    raise RuntimeError(f"batches were left in the queue after {TIMEOUT_S:.0f} s")


def _first_lines(project: Project) -> dict[int, float]:
    rows = project.images.rows()
    return {int(str(row["id"])): float(str(row[FIRST_LINE])) for row in rows}


def _batch_ends(project: Project, tasks: int) -> list[_End]:
    rows = project.log.page(limit=10 * tasks)
    return [
        _End(str(row.processor), int(row.image_id or 0), row.time)
        for row in rows
        if row.text == "batch done"
    ]


_PEERS: Sequence[tuple[str, str, Callable[[int], float]]] = (
    ("Huey, SQLite with fsync", "huey", pass_through_huey),
    ("Dask LocalCluster, all at once", "distributed", pass_through_dask),
    ("Dask LocalCluster, one a worker", "distributed", pass_late_through_dask),
)


if __name__ == "__main__":
    main()
