"""Session averages: of which images, kept in the project, and what they show in words."""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from cryobatch.errors import CryobatchError
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.imaging.averages import Average, Common
from cryobatch.model.image import ImageRecord
from cryobatch.processing.currency import recording_path
from cryobatch.project.images import Images
from cryobatch.store import library

FOLDER = "averages"
VERSION = 2
"""Of what is kept: another one is made anew."""
IMAGES = 48
"""So many images show the camera: its pattern stands seven times as high over chance as in one."""
LOOKED_AT = 400
"""Images that are looked at, at most, for those that can be averaged."""


class Stage(StrEnum):
    """What is averaged."""

    RAW = "raw"
    CORRECTED = "corrected"


class Picture(StrEnum):
    """What can be shown of averages."""

    MEAN = "mean"
    VARIANCE = "variance"
    SPECTRUM = "spectrum"


Stamp = tuple[int, int]
"""Modification time in ns and length of a file: what changes with its content."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Averages as they are kept.

    Args:
        average: The averages, None while there is no image in them.
        counted: Images in them, with the file of each as it was.
        passed: Images that could not be averaged, with the reason.
    """

    average: Average | None = None
    counted: Mapping[int, Stamp] = field(default_factory=dict)
    passed: Mapping[int, str] = field(default_factory=dict)


def choose_images(images: Images, stage: Stage) -> list[int]:
    """Return images to be averaged, spread over the session, in an order that stays.

    The order is that of a hash of their ids: while images come, few of those chosen change.
    """
    with images.database.reading() as r:
        known = library.with_results(r) if stage is Stage.CORRECTED else library.select(r)
    return sorted(known, key=_shuffled)[:LOOKED_AT]


def _shuffled(image_id: int) -> bytes:
    return hashlib.blake2b(str(image_id).encode(), digest_size=8).digest()


def find_due(images: Images, stage: Stage, kept: Kept) -> list[int]:
    """Return images that are still to be averaged."""
    chosen = choose_images(images, stage)
    wanted = [one for one in chosen if one not in kept.passed][:IMAGES]
    return [one for one in wanted if one not in kept.counted]


def find_file(folder: Path, record: ImageRecord, stage: Stage) -> Path | None:
    """Return the file of an image that is averaged, None where there is none (yet)."""
    if stage is Stage.RAW:
        path = recording_path(record, folder)
        return path if path.is_file() else None
    files = [run.products["micrograph"] for run in record.runs.values()
             if "micrograph" in run.products]  # fmt: skip
    path = folder / files[-1] if files else folder
    return path if path.is_file() else None


def stamp_of(path: Path) -> Stamp:
    """Return what changes with a file's content."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def is_current(images: Images, stage: Stage, kept: Kept) -> bool:
    """Tell whether all images in averages are still what they were."""
    for image_id, stamp in kept.counted.items():
        try:
            path = find_file(images.folder(image_id), images.record(image_id), stage)
            if path is None or stamp_of(path) != stamp:
                return False
        except (CryobatchError, OSError):
            return False
    return True


def place_of(project: Path, stage: Stage) -> Path:
    """Return the file that averages are kept in."""
    return project / FOLDER / f"{stage.value}.npz"


def read(path: Path) -> Kept:
    """Return averages as they are kept; none where they cannot be read, or are of another kind."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts"]))
            if facts.pop("version", None) != VERSION:
                return Kept()
            names = ("mean", "variance", "spectrum", "row_means", "column_means")
            found = {name: arrays[name] for name in names}
        rows, columns = facts["shape"]
        average = Average(
            count=facts["count"], shape=(rows, columns), fine=facts["fine"],
            row_variance=facts["row_variance"], column_variance=facts["column_variance"], **found,
        )  # fmt: skip
        counted = {int(one): (stamp[0], stamp[1]) for one, stamp in facts["counted"].items()}
        return Kept(average, counted, {int(one): why for one, why in facts["passed"].items()})
    except (OSError, EOFError, BadZipFile, KeyError, ValueError, TypeError):
        return Kept()  # it is made again from the images


def write(path: Path, kept: Kept) -> None:
    """Keep averages."""
    if kept.average is None:
        return
    parts = asdict(kept.average)
    arrays = {name: part for name, part in parts.items() if isinstance(part, np.ndarray)}
    facts = {name: part for name, part in parts.items() if name not in arrays}
    known = {**facts, "version": VERSION, "counted": kept.counted, "passed": kept.passed}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, facts=np.array(json.dumps(known)), **arrays)
    path.parent.mkdir(exist_ok=True)
    write_bytes_durably(path, packed.getvalue(), fsync=False)


def tell(stage: Stage, average: Average, common: Common) -> tuple[str, str]:
    """Return what averages show: "good", "warn" or "", and a sentence or two."""
    count = average.count
    if common.share is None:
        return "", f"{count} images so far: a few more, and what they have in common can be told."
    lines = _name_lines(common)
    seen = _name_pattern(common, count)
    if stage is Stage.RAW:
        pattern = (
            f"The camera's own pattern shows, as it should: {seen}; the gain takes it out."
            if seen
            else "No pattern of the camera: the frames seem to be corrected already."
        )
        return ("warn" if lines else "good"), " ".join([pattern, *lines])
    if not seen and not lines:
        return "good", (
            f"Nothing of the camera is left: what {count} micrographs have in common is no more "
            "than chance leaves."
        )
    suspect = "Suspect the gain reference (compare gain_verdict and gain_fit in the library)."
    pattern = f"The camera shows through: {seen}. {suspect}" if seen else ""
    return "warn", " ".join([*([pattern] if pattern else []), *lines])


def _name_pattern(common: Common, count: int) -> str:
    """Return what is common to all but single lines, in words; empty for nothing."""
    parts = []
    if common.bands:
        parts.append(f"bands of {' and '.join(common.bands)} are the same in all {count}")
    if common.share:
        parts.append(f"{common.share:.0%} of the fine contrast of one is in all {count}")
    return "; ".join(parts)


def _name_lines(common: Common) -> Sequence[str]:
    parts = [
        f"{noun}{'s' if len(found) > 1 else ''} {_name_some(found)}"
        for noun, found in (("column", common.columns), ("row", common.rows))
        if found
    ]
    if not parts:
        return []
    text = " and ".join(parts)
    return [f"{text[0].upper()}{text[1:]} stand out in all: dead or noisy lines want a defect map."]


def _name_some(numbers: Iterable[int], most: int = 6) -> str:
    found = [str(one) for one in numbers]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
