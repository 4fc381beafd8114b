"""Importing: delay to the queue, a replayed session with kills, and 100,000 known files."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.replayed_session import find_faults, write_session
from benchmarks.table import median, percentile, print_table
from cryobatch.demo.replay import Microscope, ReplaySettings, measure_sizes, plan_replay
from cryobatch.importing.watching.settle import look_at
from cryobatch.project import Project
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders, WatchedFolder
from cryobatch.store import watching as store
from cryobatch.store.watching import FileRow, FileState

KIND = ReplaySettings(
    interval_s=0.3, out_of_order=0, paused=0, renamed=0, incomplete=0, rewritten=0, duplicated=0
)
UNKIND = ReplaySettings()
DELAYS = 200
RECORDINGS = 2_000
KILLS = 5
FILES = 100_000
FOLDERS = 250
STEADY_S = 60.0
PATIENCE_S = 300.0
SCRIPTS = Choice(scripts=("unpack", "correct_drift"))


def main() -> None:
    """Measure and print."""
    if os.environ.get("CRYOBATCH_BENCHMARK_FOLLOW"):
        _follow(Path(os.environ["CRYOBATCH_BENCHMARK_FOLLOW"]))
        return
    rows: list[list[object]] = [*_measure_delays(), *_measure_replay(), *_measure_many()]
    print_table("Import", ["what", "asked", "found"], rows)


@contextmanager
def _new_project(folder: Path) -> Iterator[Project]:
    with Project.create(folder / "project", facts={"cs": 2.7}) as project:
        project.queue.pause()
        yield project


def _serve(project: Project) -> subprocess.Popen[bytes]:
    command = "from cryobatch.cli.main import main; main()"
    folder = str(project.place.folder)
    return subprocess.Popen(
        [sys.executable, "-c", command, "--project", folder, "serve", "--processors", "1"],
        stdout=subprocess.DEVNULL,
    )


def _end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(30)


def _await_start(project: Project) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not any("scanned_at" in item.status for item in project.watching.listing()):
        if time.monotonic() > deadline:
            raise RuntimeError("the daemon does not follow the folder")
        time.sleep(0.2)


def _await_files(project: Project, watched: WatchedFolder, number: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sum(project.watching.report(watched, 0).counts.values()) < number:
        if time.monotonic() > deadline:
            print("(not all files were noted in time)")
            return
        time.sleep(0.2)


def _measure_delays() -> list[list[object]]:
    """Time from a recording's last byte to its batch in the queue."""
    with TemporaryDirectory(prefix="cryobatch-benchmark-") as name, _new_project(Path(name)) as p:
        folder = Path(name)
        write_session(folder / "source", DELAYS)
        plan = plan_replay(measure_sizes(folder / "source"), KIND, seed=1)
        watched = p.watching.add(folder / "microscope", Orders(choice=SCRIPTS))
        (folder / "microscope").mkdir()
        microscope = Microscope(folder / "source", folder / "microscope", plan, clock=time.time)
        daemon = _serve(p)
        try:
            _await_start(p)
            microscope.play()
            _await_files(p, watched, DELAYS)
        finally:
            _end(daemon)
        ended = {Path(path).stem: moment for path, moment in microscope.ended.items()}
        delays = [row.batch.submitted_at - ended[row.image] for row in p.queue.listing()]
        return [
            ["last byte to queue, median, s", "3", median(delays)],
            ["last byte to queue, slowest of 100, s", "6", percentile(delays, 99)],
        ]


def _measure_replay() -> list[list[object]]:
    """Replay a session while daemons are killed, and count what is wrong in the end."""
    with TemporaryDirectory(prefix="cryobatch-benchmark-") as name, _new_project(Path(name)) as p:
        folder = Path(name)
        truths = write_session(folder / "source", RECORDINGS)
        plan = plan_replay(measure_sizes(folder / "source"), UNKIND, seed=1)
        watched = p.watching.add(folder / "microscope", Orders(choice=SCRIPTS))
        microscope = Microscope(folder / "source", folder / "microscope", plan)
        end_s = plan.steps[-1].at_s
        daemon = _serve(p)
        try:
            for number in range(KILLS):
                microscope.play(until_s=(number + 0.5) / KILLS * end_s)
                daemon.kill()
                daemon.wait()
                daemon = _serve(p)
            microscope.play()
            microscope.close()
            _await_files(p, watched, RECORDINGS + len(plan.duplicated))
        finally:
            _end(daemon)
        faults = list(find_faults(p, watched, plan, truths))
        for fault in faults[:10]:
            print(fault)
        listed = len(p.watching.report(watched).incomplete)
        return [
            [f"faults in {RECORDINGS:,} recordings, {KILLS} kills", "0", len(faults)],
            ["incomplete ones that are listed", str(len(plan.incomplete)), listed],
        ]


def _measure_many() -> list[list[object]]:
    """Follow a folder of known files in a process of its own."""
    with TemporaryDirectory(prefix="cryobatch-benchmark-") as name, _new_project(Path(name)) as p:
        folder = Path(name) / "microscope"
        watched = p.watching.add(folder, Orders(choice=SCRIPTS))
        rows = [_make_known(folder, number) for number in range(FILES)]
        with p.database.transaction() as t:
            store.put_files(t, watched.id, rows)
        environment = {**os.environ, "CRYOBATCH_BENCHMARK_FOLLOW": str(p.place.folder)}
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks", "import"],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        ready_s, ready_cpu_s, share, memory_mb = map(float, said.splitlines()[0].split())
        return [
            [f"{FILES:,} known files: ready, s", "10", ready_s],
            ["ready, s of processor time", "", ready_cpu_s],
            ["steady, % of a core", "2", share * 100],
            ["memory, MB", "300", memory_mb],
        ]


def _make_known(folder: Path, number: int) -> FileRow:
    """Write an XML and a recording that nobody will open; returns what is noted of the latter."""
    square = f"GridSquare_{number % FOLDERS}/Data"
    place = folder / square
    place.mkdir(parents=True, exist_ok=True)
    name = f"FoilHole_{number}_Data_9017354_6_20260301_090000"
    (place / f"{name}.xml").write_bytes(b"<x/>")
    path = place / f"{name}_fractions.tiff"
    path.write_bytes(b"II")
    look = look_at(path)
    assert look is not None
    return FileRow(f"{square}/{path.name}", look, FileState.IMPORTED, 1.0, image_id=number)


def _follow(folder: Path) -> None:
    """Follow the project's folder for a while; print what that costs."""
    from cryobatch.daemon.importer import Importer

    start, start_cpu = time.monotonic(), time.process_time()
    with Project.open(folder) as project:
        importer = Importer(project)
        importer.step()
        ready_s, ready_cpu_s = time.monotonic() - start, time.process_time() - start_cpu
        importer.start()
        cpu = time.process_time()
        time.sleep(STEADY_S)
        share = (time.process_time() - cpu) / STEADY_S
        importer.stop()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(ready_s, ready_cpu_s, share, memory_mb)
