"""Relocation: recordings that have moved, or are called otherwise, stay their images' own."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.image import ImageIdentity, ImageRecord
from cryobatch.processing.currency import recording_path
from cryobatch.processing.image_folder import read_record, update_record
from cryobatch.project.images import Images
from cryobatch.project.recordings import put_back
from cryobatch.store import library

AT_ONCE = 500


def relocate(images: Images, known: Mapping[Path, int]) -> tuple[list[int], list[str]]:
    """Give images whose recordings are gone those that were found elsewhere.

    Args:
        images: The project's images.
        known: Images that are there already, by the paths of their recordings as found now.

    Returns:
        Ids of the images that have theirs again, and why others have not.
    """
    found: list[ImageIdentity] = []
    problems: list[str] = []
    for path, image_id in _moved(images, known):
        folder = images.folder(image_id)
        try:
            record = read_record(folder)
            if not recording_path(record, folder).is_file():
                put_back(record, folder, path)
                update_record(folder, partial(_from, path=path))
                found.append(read_record(folder).image)
        except (CryobatchError, OSError) as error:
            problems.append(str(error))
    with images.database.transaction() as t:
        library.register(t, found)  # the source is a column there
    return [image.id for image in found], problems


def _moved(images: Images, known: Mapping[Path, int]) -> list[tuple[Path, int]]:
    """Return those of the known that were imported from somewhere else."""
    pairs = list(known.items())
    moved = []
    for start in range(0, len(pairs), AT_ONCE):
        chunk = pairs[start : start + AT_ONCE]
        with images.database.reading() as r:
            rows = library.rows(r, ids={one for _, one in chunk}, columns=("source",))
        sources = {row["id"]: row["source"] for row in rows}
        moved += [(path, one) for path, one in chunk if sources.get(one) != str(path)]
    return moved


def rename(images: Images, image_id: int, path: Path, source_id: str) -> None:
    """Note that an image's recording is called otherwise now; the image keeps its own name.

    Args:
        images: The project's images.
        image_id: The image.
        path: Where its recording is now.
        source_id: The recording's identity under its new name.
    """

    def change(record: ImageRecord) -> ImageRecord:
        is_linked = Path(record.image.root_file).is_absolute()
        root_file = str(path) if is_linked else record.image.root_file
        image = replace(record.image, source=str(path), source_id=source_id, root_file=root_file)
        return replace(record, image=image)

    done = update_record(images.folder(image_id), change)
    if done is not None:
        with images.database.transaction() as t:
            library.register(t, [done.record.image])


def _from(record: ImageRecord, path: Path) -> ImageRecord:
    return replace(record, image=replace(record.image, source=str(path)))
