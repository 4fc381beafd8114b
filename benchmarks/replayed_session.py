"""A session of EPU's to replay: movies of few pixels with XML, and what must come of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import mrcfile
import numpy as np
import tifffile

from cryobatch.demo.microscope import SETTINGS, describe_exposure
from cryobatch.demo.replay import ReplayPlan
from cryobatch.project import Project
from cryobatch.project.watching import WatchedFolder
from cryobatch.store.watching import FileState

FRAMES = 3
SIDE = 24
BEGIN = datetime(2026, 3, 1, 9, 0, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a recording.

    Args:
        total_dose: Its own, e/Å².
        pixel_size: That of all, Å.
    """

    total_dose: float
    pixel_size: float


def write_session(folder: Path, count: int, seed: int = 1) -> dict[str, Truth]:
    """Write so many movies, half of them TIFF and half MRC, each after its XML.

    Returns:
        What is true of each, by its file name without ending.
    """
    chance = np.random.default_rng(seed)
    truths = {}
    for index in range(count):
        square = folder / "Images-Disc1" / f"GridSquare_{7000 + index // 50}" / "Data"
        square.mkdir(parents=True, exist_ok=True)
        moment = BEGIN + timedelta(seconds=8 * index)
        hole = f"FoilHole_{100000 + index}_Data_9017354_6_{moment:%Y%m%d_%H%M%S}"
        settings = replace(
            SETTINGS, columns=SIDE, rows=SIDE, frames=FRAMES, dose_per_frame=1 + index / 1000
        )
        (square / f"{hole}.xml").write_bytes(describe_exposure(settings, moment, index))
        frames = chance.integers(1, 100, (FRAMES, SIDE, SIDE)).astype(np.int16)
        name = f"{hole}_fractions"
        _write_movie(square / name, frames, tiff=index % 2 == 0)
        truths[name] = Truth(settings.dose_per_frame * FRAMES, settings.pixel_size_angstrom)
    return truths


def _write_movie(path: Path, frames: np.ndarray[tuple[int, ...], np.dtype[np.int16]], *,
                 tiff: bool) -> None:  # fmt: skip
    if tiff:
        with tifffile.TiffWriter(path.with_suffix(".tiff")) as file:
            for frame in frames:
                file.write(frame, contiguous=False, metadata=None)
        return
    with mrcfile.new(path.with_suffix(".mrc")) as stack:
        stack.set_data(frames)


def find_faults(
    project: Project, watched: WatchedFolder, plan: ReplayPlan, truths: dict[str, Truth]
) -> Iterator[str]:
    """Yield what is not as it must be after a session was replayed, in words."""
    rows = project.images.rows()
    names = [str(row["name"]) for row in rows]
    wanted = {PurePosixPath(path).stem for path in plan.complete}
    for name in sorted(wanted - set(names)):
        yield f"{name} is complete and no image"
    for name in sorted(set(names) - wanted):
        yield f"{name} is an image and was never complete"
    if len(names) != len(set(names)):
        yield "recordings were imported twice"
    batches = project.queue.listing()
    if len(batches) != len(names) or len({row.image for row in batches}) != len(names):
        yield f"{len(batches)} batches wait for {len(names)} images"
    for row in rows:
        yield from _find_wrong_facts(project, row, truths)
    yield from _find_unlisted(project, watched, plan)


def _find_wrong_facts(
    project: Project, row: dict[str, object], truths: dict[str, Truth]
) -> Iterator[str]:
    facts = project.images.record(int(str(row["id"]))).acquisition
    truth = truths.get(str(row["name"]))
    if truth is None:
        return
    for name, value in (("total_dose", truth.total_dose), ("pixel_size", truth.pixel_size)):
        found = facts.get(name)
        if found is None or abs(float(found.value) - value) > 1e-6 * value:
            yield f"{row['name']}: {name} is {found}, should be {value}"


def _find_unlisted(project: Project, watched: WatchedFolder, plan: ReplayPlan) -> Iterator[str]:
    report = project.watching.report(watched)
    listed = {row.path for row in report.incomplete}
    for path in sorted(plan.incomplete - listed):
        yield f"{path} is incomplete and not listed"
    for path in sorted(listed - plan.incomplete):
        yield f"{path} is complete and listed as incomplete"
    rewritten = {row.path for row in report.failed if row.state is FileState.REWRITTEN}
    for path in sorted(rewritten - plan.rewritten):
        yield f"{path} is listed as rewritten and was not"
