"""A study of a session's gain reference: how each orientation fits the raw counts, in pictures."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cryobatch.errors import BadInput, CryobatchError
from cryobatch.formats.movie import inspect_recording, open_movie
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.gain_orientation import (
    ORIENTATIONS,
    Orientation,
    turn_further,
    weigh_gain,
)
from cryobatch.imaging.gain_pictures import (
    draw_counts,
    expected_counts,
    shrink_counts,
)
from cryobatch.imaging.thumbnail import encode_jpeg
from cryobatch.model.image import ImageRecord
from cryobatch.processing.currency import recording_path
from cryobatch.project.project import Project
from cryobatch.scripts.unpacking.camera import load_camera

MOVIES = 4
FRAMES = 16
"""So many frames of so many movies show the pattern well, and are read within seconds."""
LATEST = 20
"""Movies whose own verdicts are counted: a page asks again and again."""
RAW = "raw"


@dataclass(frozen=True, slots=True)
class GainInUse:
    """The gain reference of the latest movies.

    Args:
        gain: Its file, None where the latest movie has none.
        configured: How it is turned.
        source: Where that file is known from.
        movies: Ids of the latest movies that have it, the latest first.
        verdicts: How many of them have each verdict of their own.
    """

    gain: Path | None = None
    configured: Orientation = field(default_factory=Orientation)
    source: str = ""
    movies: Sequence[int] = ()
    verdicts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GainStudy:
    """How a gain reference fits.

    Args:
        movies: Names of the movies whose raw counts were summed.
        fits: Fit of each orientation; those that the frames' shape does not admit are left out.
        error: Standard error of any fit.
        pictures: JPEGs by name: "raw" of the counts, "0-2" of those that the reference makes expect
            when it is turned by 0 and flipped as 2.
        problem: Why there is no fit, empty where there is.
    """

    movies: Sequence[str] = ()
    fits: Mapping[Orientation, float] = field(default_factory=dict)
    error: float = 0.0
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""


@dataclass(slots=True)
class GainStudies:
    """Studies gain references, each once; a further time when more movies are there.

    Args:
        project: Whose.
    """

    project: Project
    _key: tuple[object, ...] = ()
    _study: GainStudy = field(default_factory=GainStudy)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find_gain(self) -> GainInUse:
        """Return the gain reference of the latest movies."""
        rows = self.project.images.rows("root_product == 'movie'", sort="id", descending=True,
                                        limit=LATEST)  # fmt: skip
        records = [(row, self._record(int(str(row["id"])))) for row in rows]
        known = [(row, record) for row, record in records if record is not None]
        if not known:
            return GainInUse()
        latest = known[0][1]
        gain = latest.fact("gain")
        turn = Orientation(_whole(latest, "gain_rotation"), _whole(latest, "gain_flip"))
        if not gain:
            return GainInUse(configured=turn, movies=(latest.image.id,))
        same = [(row, record) for row, record in known if record.fact("gain") == gain]
        verdicts = Counter(str(row["gain_verdict"]) for row, _ in same if row.get("gain_verdict"))
        fact = latest.acquisition.get("gain")
        return GainInUse(
            Path(str(gain)), turn_further(turn, Orientation()),
            "a person" if "gain" in latest.person.facts or fact is None else fact.source,
            tuple(record.image.id for _, record in same), dict(verdicts),
        )  # fmt: skip

    def study(self, use: GainInUse) -> GainStudy:
        """Return how a gain reference fits; some seconds where it was not studied before."""
        if use.gain is None:
            return GainStudy(problem="the latest movies have no gain reference")
        try:
            status = use.gain.stat()
        except OSError as error:
            return GainStudy(problem=f"{use.gain}: cannot be read: {error.strerror}")
        used = min(len(use.movies), MOVIES)
        key = (use.gain, status.st_mtime_ns, status.st_size, used)
        with self._lock:
            if key != self._key:
                self._study = self._make(use.gain, use.movies)
                self._key = key
            return self._study

    def picture(self, name: str) -> bytes | None:
        """Return a picture of the last study, None where it has none of that name."""
        with self._lock:
            return self._study.pictures.get(name)

    def _record(self, image_id: int) -> ImageRecord | None:
        try:
            return self.project.images.record(image_id)
        except CryobatchError:
            return None  # the doctor tells of files that cannot be read

    def _make(self, gain: Path, movies: Sequence[int]) -> GainStudy:
        names: list[str] = []
        total: ImageArray | None = None
        path, problem = Path(), "the recordings cannot be read"
        for image_id in movies[: 2 * MOVIES]:
            record = self._record(image_id)
            if record is None or len(names) == MOVIES:
                continue
            try:
                found = recording_path(record, self.project.images.folder(image_id))
                summed = sum_movie(found)
            except CryobatchError as error:
                problem = str(error)
                continue
            if total is None or total.shape == summed.shape:
                total = summed if total is None else total + summed
                names.append(record.image.name)
                path = found
        if total is None:
            return GainStudy(problem=problem)
        try:
            return _study(gain, path, total / np.float32(len(names)), names)
        except BadInput as error:
            return GainStudy(movies=names, problem=str(error))


def sum_movie(path: Path) -> ImageArray:
    """Return the sum of a movie's first frames as they are, ``(rows, columns) float32``.

    Raises:
        BadInput: It cannot be read.
    """
    header = inspect_recording(path)
    grouping = max(1, header.frames // FRAMES) if header.kind == "eer" else 1
    with open_movie(path, frames_per_fraction=grouping) as movie:
        summed = np.zeros(movie.shape[1:], np.float32)
        for number in range(min(movie.shape[0], FRAMES)):
            summed += movie.frame(number)
    return summed


def _study(gain: Path, movie: Path, counts: ImageArray, names: Sequence[str]) -> GainStudy:
    own, reference = _load(gain, movie, (counts.shape[0], counts.shape[1]))
    evidence = weigh_gain(counts, reference, corrected=False)
    turns = [
        one for one in ORIENTATIONS if counts.shape[0] == counts.shape[1] or not one.rotation % 2
    ]
    fits = {} if evidence is None else {
        turn_further(own, further): fit for further, fit in evidence.fits.items()
    }  # fmt: skip
    expected = shrink_counts(expected_counts(reference))
    pictures = {RAW: _draw(shrink_counts(counts))}
    for further in turns:
        turn = turn_further(own, further)
        turned = orient_reference(expected, further.rotation, further.flip)
        pictures[f"{turn.rotation}-{turn.flip}"] = _draw(turned)
    return GainStudy(
        tuple(names), fits, 0.0 if evidence is None else evidence.error, pictures,
        "" if evidence is not None else "the reference has no pattern, or nothing was counted",
    )  # fmt: skip


def _load(gain: Path, movie: Path, shape: tuple[int, int]) -> tuple[Orientation, ImageArray]:
    """Return a reference in the frames' shape, multiplicative, and how it was turned for that.

    Raises:
        BadInput: It cannot be read, or does not fit in any orientation.
    """
    upright, crosswise = Orientation(), Orientation(1, 0)
    try:
        return upright, _turned(gain, movie, shape, upright)
    except BadInput:
        if shape[0] == shape[1]:
            raise
    return crosswise, _turned(gain, movie, shape, crosswise)


def _turned(gain: Path, movie: Path, shape: tuple[int, int], turn: Orientation) -> ImageArray:
    camera = load_camera(
        movie, shape, gain=gain, rotation=turn.rotation, flip=turn.flip, defects=None
    )
    assert camera.gain is not None
    return camera.gain


def _draw(counts: ImageArray) -> bytes:
    return encode_jpeg(draw_counts(counts))


def _whole(record: ImageRecord, name: str) -> int:
    return int(record.fact(name) or 0)
