"""What the web interface's tests speak of: a session as it may be, and where it is served."""

import http.client
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryobatch.imaging.thumbnail import encode_jpeg
from cryobatch.model import RunRecord
from cryobatch.model.event import Level, LogEntry
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project
from cryobatch.store import log
from cryobatch.web.auth import Access
from tests.cli.conftest import WEIGH
from tests.daemon.running import submit
from tests.projects import make_project

ROOT = Path(__file__).parents[2]
IMAGES = 30
PICTURE = "micrograph_thumbnail"


@dataclass(frozen=True, slots=True)
class Site:
    """A served project.

    Args:
        project: The project.
        access: Its tokens.
        port: Where it is served on this machine.
        process: The web interface's own process.
    """

    project: Project
    access: Access
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """Return the address without a token."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Tell whether it is up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/v1/queue/counts")
            return connection.getresponse().status == 401
        except OSError:
            return False
        finally:
            connection.close()


def make_session(folder: Path) -> Project:
    """Make a project whose images all wait, whose first ones have results, and which has a log."""
    project = make_project(folder, IMAGES, scripts={})
    script = project.place.scripts / "weigh.sh"
    script.write_text(WEIGH)
    script.chmod(0o755)
    for image_id in range(1, 9):
        add_result(project, image_id)
    project.images.index(range(1, IMAGES + 1))
    submit(project, "weigh")
    with project.database.transaction() as t:
        log.append(t, [_entry(number) for number in range(600)])
    return project


def add_result(project: Project, image_id: int) -> None:
    """Give an image values and a small picture, as scripts do."""
    folder = project.images.folder(image_id)
    (folder / "thumbnails").mkdir()
    noise = np.random.default_rng(image_id).integers(60, 200, (64, 64)).astype(np.uint8)
    (folder / "thumbnails" / "micrograph.jpg").write_bytes(encode_jpeg(noise))
    run = RunRecord(
        version="1", fingerprint="f", parameters={}, tools={}, host="here", processor="local-1",
        batch=1, started_at="2026-01-01T00:00:00Z", seconds=1.0, memory_bytes=1,
        products={PICTURE: "thumbnails/micrograph.jpg"},
    )  # fmt: skip
    record = read_record(folder)
    values = {"ctf_resolution": 3.0 + image_id / 10, "defocus_u": 15_000.0, "drift_range": 9.0,
              "particle_count": 40, "ice_ring": 0.2}  # fmt: skip
    write_record(folder, replace(record, runs={"weigh": run}, values={"weigh": values}))


def _entry(number: int) -> LogEntry:
    level = Level.ERROR if number % 100 == 7 else Level.INFO
    text = f"<b>row</b> {number}" if level is Level.INFO else "no Thon rings"
    return LogEntry(time.time() - 600 + number, text, level, f"local-{number % 2 + 1}",
                    number % IMAGES + 1, number + 1, "weigh")  # fmt: skip
