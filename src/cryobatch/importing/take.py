"""Take a recording into its image's folder: by link, copy or move."""

import hashlib
import os
import shutil
from enum import StrEnum
from pathlib import Path

from cryobatch.errors import BadInput, ProjectError
from cryobatch.formats.atomic import sync_folder
from cryobatch.formats.reading import reading

CHUNK_BYTES = 8 << 20


class Take(StrEnum):
    """How a recording becomes the root product of its image."""

    LINK = "link"
    COPY = "copy"
    MOVE = "move"


def take_recording(source: Path, folder: Path, how: Take) -> str:
    """Make a recording available to its image.

    A move copies: ``remove_source`` ends it, once the image is in the library.

    Args:
        source: The recording.
        folder: The image's folder, which exists.
        how: A link makes no file, it only names the recording where it is.

    Returns:
        The image's ``root_file``: the absolute path of a linked recording, else a path below the
        folder.

    Raises:
        BadInput: The recording cannot be read, or changed while it was copied.
        ProjectError: The copy cannot be written.
    """
    if how is Take.LINK:
        return str(source)
    _copy_verified(source, folder / source.name)
    return source.name


def remove_source(source: Path, copy: Path) -> None:
    """Delete a moved recording, after another look at its copy.

    Raises:
        BadInput: Source and copy are not the same any more: the source stays.
    """
    if _digest(source) != _digest(copy):
        raise BadInput(f"{source}: differs from its copy {copy}; it was not deleted, import again")
    with reading(source):
        source.unlink()


def _copy_verified(source: Path, place: Path) -> None:
    """Copy a file so that it appears whole, read back and compared, with the source's times."""
    beside = place.with_name(f".{place.name[:40]}.new")
    try:
        digest = _copy(source, beside)
        if _digest(beside) != digest or _digest(source) != digest:
            raise BadInput(f"{source}: changed while it was copied, or the copy is not the same")
        shutil.copystat(source, beside)
        beside.replace(place)
        sync_folder(place.parent)
    except OSError as error:
        raise ProjectError(f"{place}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


def _copy(source: Path, place: Path) -> bytes:
    digest = hashlib.sha256()
    with place.open("wb") as out:
        with reading(source):
            file = source.open("rb")
        with file:
            while piece := _read(source, file.fileno()):
                digest.update(piece)
                out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return digest.digest()


def _read(source: Path, descriptor: int) -> bytes:
    with reading(source):
        return os.read(descriptor, CHUNK_BYTES)


def _digest(path: Path) -> bytes:
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
