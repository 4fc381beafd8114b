"""Bring back recordings that are gone, from where they were imported or from a central copy.

A processor runs this as a command when a script needs such a recording.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cryobatch.errors import BadInput, CryobatchError
from cryobatch.formats.atomic import sync_folder
from cryobatch.formats.settings_file import read_project_settings
from cryobatch.importing.copying import copy_verified
from cryobatch.importing.identity import identify
from cryobatch.model.image import ImageRecord
from cryobatch.model.settings import CopySettings
from cryobatch.processing.currency import fingerprint_file, recording_path
from cryobatch.processing.image_folder import read_record, update_record
from cryobatch.project.central.carriers import Carrier
from cryobatch.project.central.central_copy import parse_target, plan_recording
from cryobatch.project.central.rsync import RsyncCarrier
from cryobatch.project.creation import SETTINGS_FILE, find_project


@dataclass(frozen=True, slots=True)
class Away:
    """A recording in a central copy on another host.

    Args:
        carrier: Brings it here.
        path: Where it is there.
        place: What a person calls that.
    """

    carrier: Carrier
    path: str
    place: str


def bring_back(folder: Path, copying: CopySettings, project: Path) -> str:
    """Put the recording of an image back where it was, or link to where it is now.

    Only the same recording will do: its name, size, first and last bytes are compared. What was
    calculated from it stays up to date.

    Args:
        folder: The image's folder.
        copying: Where central copies are.
        project: The project's folder.

    Returns:
        What was done.

    Raises:
        BadInput: It is nowhere; the text says where it was looked for.
    """
    record = read_record(folder)
    path = recording_path(record, folder)
    if path.is_file():
        return f"{path} is there"
    reasons = []
    for source in find_sources(record, folder, copying, project):
        try:
            file = put_back(record, folder, source)
        except (CryobatchError, OSError) as error:
            reasons.append(str(error))
            continue
        where = source.place if isinstance(source, Away) else source
        done = "is linked to" if Path(file).is_absolute() else "was copied again from"
        return f"the recording {path} was gone: it {done} {where}"
    raise BadInput("; ".join(reasons) or "it is gone, and nobody knows of another copy")


def find_sources(
    record: ImageRecord, folder: Path, copying: CopySettings, project: Path
) -> Iterator[Path | Away]:
    """Yield the places where an image's recording may still be."""
    path = recording_path(record, folder)
    if Path(record.image.source) != path:
        yield Path(record.image.source)
    if copying.to is None:
        return
    target = parse_target(copying.to, project)
    copy = plan_recording(record, folder).path
    if target.host is None:
        yield Path(target.folder) / copy
    else:
        yield Away(RsyncCarrier(target), copy, f"{target}/{copy}")


def put_back(record: ImageRecord, folder: Path, source: Path | Away) -> str:
    """Make a recording available again, and note that in the image's parameter file.

    Args:
        record: What is known about the image.
        folder: The image's folder.
        source: Where the recording is now.

    Returns:
        The image's new ``root_file``.

    Raises:
        CryobatchError: It is another one, or cannot be read or copied.
    """
    file = _take(record, folder, source)
    update_record(folder, partial(_note, folder=folder, file=file))
    return file


def _take(record: ImageRecord, folder: Path, source: Path | Away) -> str:
    linked = Path(record.image.root_file).is_absolute()
    if linked and isinstance(source, Path):
        _check(record, source)
        return str(source)
    name = Path(record.image.root_file).name if linked else record.image.root_file
    place = folder / name
    if name in record.files() or os.path.lexists(place):
        raise BadInput(f"{place}: another file is there already")
    if isinstance(source, Path):
        _check(record, source)
        copy_verified(source, place)
    else:
        _fetch(record, source, place)
    return name


def _fetch(record: ImageRecord, source: Away, place: Path) -> None:
    """Bring a recording from another host; it gets its name when it has proven to be the same."""
    beside = place.parent / ".fetched"
    beside.mkdir(exist_ok=True)
    try:
        if not source.carrier.fetch(source.path, beside / place.name):
            raise BadInput(f"{source.place} is not there")
        _check(record, beside / place.name)
        (beside / place.name).replace(place)
        sync_folder(place.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _check(record: ImageRecord, path: Path) -> None:
    if identify(path) != record.image.source_id:
        raise BadInput(f"{path} is another recording")


def _note(record: ImageRecord, folder: Path, file: str) -> ImageRecord:
    image = replace(record.image, root_file=file, brought_back=fingerprint_file(folder / file))
    return replace(record, image=image)


def main(arguments: Iterable[str]) -> int:
    """Bring back the recording of the image of a folder; returns the exit code."""
    (folder,) = map(Path, arguments)
    try:
        project = find_project(folder)
        settings = read_project_settings(project / SETTINGS_FILE)
        print(bring_back(folder, settings.copying, project))
    except (CryobatchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
