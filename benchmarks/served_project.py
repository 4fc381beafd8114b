"""Made-up libraries behind the real web interface, for a real browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil

from benchmarks.movie_files import write_tiff
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie
from cryobatch.model.index import IndexEntry
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.processing.processor import NICENESS
from cryobatch.project import Project
from cryobatch.store import library
from cryobatch.web.auth import Access, open_access

VALUES = 25
COUNTED = "particle_count"
"""The value that updates count with."""
CHUNK = 5_000
MOVIE = SimulationSettings(
    rows=4096, columns=4096, frames=4, pixel_size_angstrom=0.8, dose_per_frame=8.0,
    local_motion_angstrom=5.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Served:
    """A project and its web interface.

    Args:
        project: The project.
        access: Its tokens.
        port: Where it is served.
        server: The web interface's own process.
    """

    project: Project
    access: Access
    port: int
    server: psutil.Process

    @property
    def address(self) -> str:
        """Return the address without a token."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> bytes:
        """Ask as a program does."""
        headers = {"Authorization": f"Bearer {self.access.guest}"}
        request = urllib.request.Request(f"{self.address}/api/v1{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content


@contextmanager
def serve(project: Project) -> Iterator[Served]:
    """Serve a project as the daemon does, in a process of its own."""
    access = open_access(project.place.state, project.settings.id)
    listener = socket.create_server(("127.0.0.1", 0))
    reader, lifeline = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "cryobatch.web.server", str(project.place.folder),
         "--listener", str(listener.fileno()), "--lifeline", str(reader)],
        pass_fds=(listener.fileno(), reader), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(reader)
    served = Served(project, access, listener.getsockname()[1], psutil.Process(process.pid))
    try:
        served.get("/queue/counts")  # the listener holds the request until the server is up
        yield served
    finally:
        os.close(lifeline)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        listener.close()


def fill_values(project: Project) -> list[str]:
    """Give every image so many values of the built-in scripts; returns their names."""
    names = [*numeric_values(project)[: VALUES - 1], COUNTED]
    random = np.random.default_rng(5)
    with project.database.reading() as r:
        ids = library.select(r)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        numbers = np.round(random.uniform(1.0, 20.0, (len(some), len(names))), 4).tolist()
        with project.database.transaction() as t:
            for image_id, row in zip(some, numbers, strict=True):
                library.index(t, image_id, entry(dict(zip(names, row, strict=True))))
    return names


def numeric_values(project: Project) -> list[str]:
    """Return the names of values that the project's scripts calculate, those with a unit first."""
    found = {name: value for script in project.catalog.scripts.values()
             for name, value in script.values.items() if name != COUNTED}  # fmt: skip
    return sorted(found, key=lambda name: (not found[name].unit, name))


def entry(values: dict[str, float]) -> IndexEntry:
    """Return what the library shows of an image with these values."""
    return IndexEntry(values, {}, "green", "", False, ())


def add_processed_movie(project: Project) -> int:
    """Import a simulated movie of 4096 x 4096 pixels and process it; returns the image's id."""
    folder = project.place.folder / "recordings"
    folder.mkdir()
    write_tiff(folder / "movie.tiff", simulate_movie(MOVIE, 3).frames)
    report = project.import_recordings([folder], facts={"dose_per_frame": 8.0})
    program = Path(sys.executable).with_name("cryobatch")
    subprocess.run([str(program), "run", "--processors", "1"], cwd=project.place.folder,
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return report.images[0]


def add_folders(project: Project, model_id: int, ids: Sequence[int]) -> None:
    """Give images the parameter file and the small pictures of another one."""
    model = project.images.folder(model_id)
    record = read_record(model)
    rows = project.images.rows(ids=ids)
    for row in rows:
        image_id = int(str(row["id"]))
        folder = project.images.folder(image_id)
        folder.mkdir(parents=True)
        shutil.copytree(model / "thumbnails", folder / "thumbnails")
        identity = replace(record.image, id=image_id, name=folder.name, group=folder.parent.name)
        write_record(folder, replace(record, image=identity))


@contextmanager
def updating(
    served: Served, names: Sequence[str], ids: Sequence[int], a_second: float
) -> Iterator[Path]:
    """Let a process of its own finish scripts on images in turn; gives a file of when it did.

    Its lines are ``[number, seconds]``: the images' last value becomes that number.
    """
    told = Path(tempfile.mkdtemp()) / "updates.jsonl"
    told.touch()
    folder = str(served.project.place.folder)
    command = [sys.executable, "-m", "benchmarks.served_updates", folder,
               str(told), str(a_second), json.dumps([*names]), json.dumps([*ids])]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        yield told
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def busy_cores(number: int) -> Iterator[None]:
    """Keep cores busy as processors do, which are as nice."""
    code = (f"import os, numpy as n\nos.nice({NICENESS})\na = n.ones((2048, 2048), 'f4')\n"
            "while True: n.fft.rfft2(a)")  # fmt: skip
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(number)]
    try:
        yield
    finally:
        for one in started:
            one.kill()
            one.wait()


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def wait_until(moment: float) -> None:
    """Wait for a moment of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))
