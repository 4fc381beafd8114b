"""Average a project's images: a process of its own, at the lowest priority, while a page asks.

Raw sums mean unpacking movies: some seconds and some hundred megabytes an image, which neither the
web interface nor the processors should pay for.
"""

import fcntl
import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryobatch.errors import BadInput, CryobatchError
from cryobatch.formats.movie import open_movie
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.averages import add, begin, contribute
from cryobatch.project.averages import (
    FOLDER,
    Kept,
    Stage,
    find_due,
    find_file,
    is_current,
    place_of,
    read,
    stamp_of,
    write,
)
from cryobatch.project.images import Images
from cryobatch.project.project import Project

LOWEST_PRIORITY = 19
MOST_PIXELS = 700_000_000
"""Of one movie: 40 frames of a 4k camera. What has more is represented by frames all over it."""
LEAST_FRAMES = 4
LOCK = ".lock"
MISSING = "its file is not there"


def read_sum(path: Path) -> ImageArray:
    """Return the sum of a recording's frames, or of some all over it, ``(rows, columns)`` float32.

    Raises:
        BadInput: It cannot be read.
    """
    with open_movie(path) as movie:
        frames, rows, columns = movie.shape
        wanted = min(frames, max(LEAST_FRAMES, MOST_PIXELS // (rows * columns)))
        chosen = np.unique(np.linspace(0, frames - 1, wanted).astype(int))
        total = movie.frame(int(chosen[0])).astype(np.float32)
        for index in chosen[1:]:
            total += movie.raw_frame(int(index))
    return total


def add_image(images: Images, stage: Stage, kept: Kept, image_id: int) -> Kept:
    """Return averages with an image more; one that cannot be averaged is passed over for good."""
    try:
        path = find_file(images.folder(image_id), images.record(image_id), stage)
        if path is None:
            raise BadInput(MISSING)
        stamp = stamp_of(path)
        found = contribute(read_sum(path))
        average = begin(found) if kept.average is None else add(kept.average, found)
    except (CryobatchError, OSError) as error:
        return Kept(kept.average, kept.counted, {**kept.passed, image_id: str(error)})
    return Kept(average, {**kept.counted, image_id: stamp}, kept.passed)


def average_all(project: Project, stages: Iterable[Stage] = tuple(Stage)) -> None:
    """Average what is due, in turn, and keep it after each image."""
    for stage in stages:
        path = place_of(project.place.folder, stage)
        kept = read(path)
        if not is_current(project.images, stage, kept):
            kept = Kept()  # an image was processed again: its old pixels cannot be taken out
        passed = {one: why for one, why in kept.passed.items() if why != MISSING}
        kept = replace(kept, passed=passed)  # what was missing may be there now
        while due := find_due(project.images, stage, kept):
            kept = add_image(project.images, stage, kept, due[0])
            write(path, kept)


def main(arguments: list[str]) -> int:
    """Average the images of a project, until standard input ends; returns the exit code."""
    (folder,) = map(Path, arguments)
    os.nice(LOWEST_PRIORITY)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with Project.open(folder) as project:
        place = project.place.folder / FOLDER
        place.mkdir(exist_ok=True)
        with (place / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0  # another web interface's is at it
            average_all(project)
    return 0


def _end_with_parent() -> None:
    """End at once when whoever started this is gone: what is kept is whole at any moment."""
    while os.read(sys.stdin.fileno(), 1 << 10):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
