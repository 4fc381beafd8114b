"""The demonstration's session: a microscope records, cryobatch imports and processes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryobatch.daemon.work import Outcome, Snapshot, serve
from cryobatch.demo.microscope import SETTINGS
from cryobatch.demo.truth import read_truths
from cryobatch.demo.verdict import Comparison, Tolerance, compare_image
from cryobatch.errors import ProjectError
from cryobatch.formats.settings_file import read_project_settings
from cryobatch.project import Project
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders

MICROSCOPE_FOLDER = "microscope"
DEMONSTRATION = "demonstration"
"""The project's name, by which an earlier demonstration is known."""
PATIENCE_S = 300.0
"""After so long without another result the demonstration has failed."""
DIAMETER_ANGSTROM = SETTINGS.particle_diameter_angstrom

Display = Callable[[Project], AbstractContextManager[Callable[[Snapshot], None]]]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the microscope records.

    Args:
        movies: How many.
        interval_s: Seconds from one recording to the next.
        seed: Decides everything else.
    """

    movies: int = 12
    interval_s: float = 2.5
    seed: int = 20


def play_demo(
    folder: Path,
    settings: DemoSettings,
    *,
    processors: int | None,
    display: Display,
) -> Outcome:
    """Make a project and let the microscope record while cryobatch imports and processes.

    Args:
        folder: The project's folder; the microscope's data lie in it too.
        settings: What the microscope records.
        processors: How many processors; None: as the settings say.
        display: Opens what takes a snapshot about twice a second.

    Raises:
        ProjectError: There is something in the folder already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is not empty: remove it, or choose another with --folder")
    microscope = folder / MICROSCOPE_FOLDER
    microscope.mkdir(parents=True)
    orders = Orders(
        choice=Choice(parameters={"pick_particles": {"diameter": DIAMETER_ANGSTROM}}),
    )

    enough = make_patience(settings.movies)
    with run_microscope(microscope, settings) as wait_for_gain:
        facts = {"cs": SETTINGS.cs_mm, "gain": str(wait_for_gain())}
        with (
            Project.create(folder, name=DEMONSTRATION, facts=facts) as project,
            display(project) as show,
        ):
            watched = project.watching.add(microscope / "EPU", orders, active=False)
            return serve(
                project, processors=processors, show=show, session=[watched.id],
                enough=lambda now: enough(now.ended, now.seconds),
            )  # fmt: skip


def make_patience(movies: int) -> Callable[[int, float], bool]:
    """Return what tells whether to end: with all results, or when none has come for long.

    It is told how many batches have ended and the seconds since the start; a crowded machine may
    take long for them all.
    """
    most, since_s = 0, 0.0

    def enough(ended: int, seconds: float) -> bool:
        nonlocal most, since_s
        if ended > most:
            most, since_s = ended, seconds
        return ended >= movies or seconds - since_s > PATIENCE_S

    return enough


def remove_demo(folder: Path) -> None:
    """Remove an earlier demonstration; whatever else is in the folder is left alone.

    Raises:
        ProjectError: The folder's project is no demonstration.
    """
    settings = folder / "project.toml"
    if settings.is_file() and read_project_settings(settings).name != DEMONSTRATION:
        raise ProjectError(f"{folder} holds a project of your own: choose another with --folder")
    if settings.is_file() or (folder / MICROSCOPE_FOLDER).is_dir():
        shutil.rmtree(folder)


def judge_demo(project: Project, tolerance: Tolerance) -> dict[str, Comparison]:
    """Compare what was found with what is true, by image."""
    truths = read_truths(project.place.folder / MICROSCOPE_FOLDER / "truth")
    comparisons = {}
    for row in project.images.rows():
        name = str(row["name"])
        image_id = int(str(row["id"]))
        folder = project.images.folder(image_id)
        record = project.images.record(image_id)
        comparisons[name] = compare_image(record, folder, truths[name], tolerance)
    return comparisons


@contextmanager
def run_microscope(folder: Path, settings: DemoSettings) -> Iterator[Callable[[], Path]]:
    """Run the microscope beside us; gives a function that waits for the gain reference."""
    gain = folder / "gain.mrc"
    command = [
        sys.executable, "-m", "cryobatch.demo.microscope", str(folder),
        "--movies", str(settings.movies), "--interval", str(settings.interval_s),
        "--seed", str(settings.seed),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def wait_for_gain() -> Path:
        while not gain.exists():
            try:
                code = process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            raise ProjectError(f"the simulated microscope ended with exit code {code}")
        return gain

    try:
        yield wait_for_gain
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
