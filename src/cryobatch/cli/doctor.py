"""``doctor``: see that machine and project are well, and build the library again."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import Json, open_project
from cryobatch.cli.tables import count, count_batches, count_images, show_json, show_rows
from cryobatch.cli.trouble import tell_trouble
from cryobatch.model import BatchState

if TYPE_CHECKING:
    from cryobatch.project import Project

LITTLE_ROOM_GB = 20.0
SLOW_FLUSH_MS = 50.0


class Verdict(StrEnum):
    """How a thing is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the doctor has looked at.

    Args:
        thing: What.
        verdict: How it is.
        text: What was found, and what to do.
    """

    thing: str
    verdict: Verdict
    text: str


def doctor(
    context: typer.Context,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Build the library again from the images' files."),
    ] = False,
    json: Json = False,
) -> None:
    """See that machine and project are well; ends with 1 when something is bad."""
    if rebuild:
        _rebuild(context.obj)
        return
    with open_project(context) as project:
        findings = list(_look_around(project))
    rows = [asdict(finding) for finding in findings]
    if json:
        show_json(rows)
    else:
        show_rows(rows, ("thing", "verdict", "text"), "")
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(1)


def _rebuild(folder: Path) -> None:
    """Build the library from the images' parameter files, also where there is no database."""
    from cryobatch.daemon.lock import hold_lock
    from cryobatch.formats.settings_file import read_project_settings
    from cryobatch.project import Project
    from cryobatch.project.creation import SETTINGS_FILE, find_project
    from cryobatch.project.keepsakes import restore
    from cryobatch.project.place import find_place
    from cryobatch.project.project import now_text
    from cryobatch.store.database import Database

    root = find_project(folder)
    place = find_place(root, read_project_settings(root / SETTINGS_FILE))
    with hold_lock(place.lock, "doctor", now_text()):
        if not place.database.exists():
            Database.create(place.database).close()
        with Project.open(root) as project:
            problems = project.images.rebuild()
            restored = restore(project.place.folder, project.database, time.time())
            total = len(project.images.rows())
    typer.echo(f"the library has {count_images(total)}")
    if restored.watches:
        typer.echo(f"watched again: {count(restored.watches, 'folder', 'folders')}")
    if restored.overviews:
        typer.echo(f"on the map again: {count(restored.overviews, 'picture', 'pictures')}")
    for where, problem in problems.items():
        tell_trouble(f"{where}: {problem}")
    if problems:
        raise typer.Exit(1)


def _look_around(project: "Project") -> Iterator[Finding]:
    yield _look_at_software()
    yield _look_at_machine(project)
    yield _look_at_room("room for images", project.place.images)
    yield _look_at_room("room for scratch", project.scratch())
    yield _look_at_flushing(project.place.state)
    yield _look_at_database(project)
    yield _look_at_folders(project)
    yield from _look_at_scripts(project)
    yield _look_at_site()
    yield from _look_at_parameters(project)
    yield _look_at_daemon(project)


def _look_at_software() -> Finding:
    from cryobatch import __version__
    from cryobatch.store.database import SQLITE_VERSION

    python = platform.python_version()
    text = f"cryobatch {__version__}, Python {python}, SQLite {SQLITE_VERSION}"
    return Finding("software", Verdict.GOOD, text)


def _look_at_machine(project: "Project") -> Finding:
    number = project.workforce.number(None)
    threads = project.workforce.threads_each(number)
    text = f"{os.cpu_count()} cores: {number} processors, threads of each: {threads}"
    return Finding("machine", Verdict.GOOD, text)


def _look_at_room(thing: str, folder: Path) -> Finding:
    present = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(present, os.W_OK):
        return Finding(thing, Verdict.BAD, f"{present} may not be written: ask who owns it")
    free_gb = shutil.disk_usage(present).free / 1e9
    verdict = Verdict.GOOD if free_gb >= LITTLE_ROOM_GB else Verdict.WARNING
    return Finding(thing, verdict, f"{free_gb:.0f} GB free at {folder}")


def _look_at_flushing(folder: Path) -> Finding:
    """Measure what makes every commit safe, and slow on a slow disk."""
    with tempfile.TemporaryFile(dir=folder) as file:
        durations = []
        for _ in range(5):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            durations.append((time.perf_counter() - start) * 1000)
    median_ms = sorted(durations)[2]
    verdict = Verdict.GOOD if median_ms < SLOW_FLUSH_MS else Verdict.WARNING
    return Finding("disk of the queue", verdict, f"{median_ms:.1f} ms to flush a write")


def _look_at_database(project: "Project") -> Finding:
    damage = project.database.find_damage()
    if damage:
        text = f"damaged ({damage[0]}): move {project.database.path} away, then --rebuild"
        return Finding("database", Verdict.BAD, text)
    return Finding("database", Verdict.GOOD, f"sound, {project.database.path}")


def _look_at_folders(project: "Project") -> Finding:
    """Compare the library with the images' folders."""
    from cryobatch.processing.image_folder import PARAMETER_FILE

    images = project.place.images
    found = {(path.parent.parent.name, path.parent.name)
             for path in images.glob(f"*/*/{PARAMETER_FILE}")}  # fmt: skip
    rows = project.images.rows("true or trashed", columns=("id", "group", "name", "trashed"))
    known = {(str(row["group"]), str(row["name"])): row["id"] for row in rows}
    put_aside = {(str(row["group"]), str(row["name"])) for row in rows if row["trashed"]}
    lost = known.keys() - found - put_aside
    if found - known.keys():
        text = f"{count_images(len(found - known.keys()))} not in the library: run doctor --rebuild"
        return Finding("library", Verdict.BAD, text)
    if lost:
        group, name = min(lost)
        text = (
            f"{count_images(len(lost))} without a folder, such as {group}/{name}: bring "
            "the folder back, or put the image aside: cryobatch image trash --images "
            f"{known[group, name]}"
        )
        return Finding("library", Verdict.BAD, text)
    return Finding("library", Verdict.GOOD, count_images(len(known)))


def _look_at_scripts(project: "Project") -> Iterator[Finding]:
    from cryobatch.cli.scripts import find_problems
    from cryobatch.model.category import order_categories

    usable, problems = find_problems(project.catalog, order_categories(project.settings.categories))
    yield Finding("scripts", Verdict.GOOD, f"{usable} can be used")
    for problem in problems:
        yield Finding("scripts", Verdict.WARNING, problem)


def _look_at_site() -> Finding:
    from cryobatch.project.site import site_file

    path = site_file()
    text = f"{path}" if path.exists() else f"nothing is set for the site: no {path}"
    return Finding("site", Verdict.GOOD, text)


def _look_at_parameters(project: "Project") -> Iterator[Finding]:
    for fault in project.find_parameter_faults():
        verdict = Verdict.WARNING if fault.is_doubtful else Verdict.BAD
        yield Finding("parameters", verdict, fault.text)


def _look_at_daemon(project: "Project") -> Finding:
    from cryobatch.daemon.lock import find_holder

    holder = find_holder(project.place.lock)
    running = project.queue.counts()[BatchState.RUNNING]
    if holder is None and running:
        text = (
            f"{count_batches(running)} marked as running and no daemon works: start "
            "'cryobatch run' or 'cryobatch serve', which begins them anew"
        )
        return Finding("daemon", Verdict.WARNING, text)
    if holder is None:
        return Finding("daemon", Verdict.GOOD, "none works at the moment")
    text = f"'cryobatch {holder.get('command')}', process {holder.get('pid')}"
    return Finding("daemon", Verdict.GOOD, f"{text}, since {holder.get('started_at')}")
