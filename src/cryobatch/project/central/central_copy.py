"""The plan of a central copy: where to, and which files of an image."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryobatch.errors import UnknownNameError, UsageError
from cryobatch.formats import group_file
from cryobatch.model.image import ImageRecord
from cryobatch.model.script import Script
from cryobatch.model.settings import CopySettings
from cryobatch.processing.currency import recording_path
from cryobatch.processing.image_folder import PARAMETER_FILE

MARKER = "central-copy.toml"
"""File in a target that says whose copies it holds."""
IMAGES = "images"
RECORDINGS = "recordings"
_THUMBNAILS = "thumbnails"
_REMOTE = re.compile(r"((?:[^@/:]*@)?(?:\[[^\]/]*\]|[^/:\[]*)):(.*)", re.DOTALL)
_HOST = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where results are copied to.

    Args:
        host: ``user@host`` or ``host``; None: this machine.
        folder: The folder there; below the user's own one where it begins with no slash.
    """

    host: str | None
    folder: str

    def __str__(self) -> str:
        return self.folder if self.host is None else f"{self.host}:{self.folder}"


@dataclass(frozen=True, slots=True)
class CopyFile:
    """A file that is to be copied.

    Args:
        source: Where it is.
        path: Where it belongs below the target.
    """

    source: Path
    path: str


def parse_target(text: str, project: Path) -> Target:
    """Read ``/folder`` or ``host:folder``.

    Args:
        text: As a person has written it.
        project: The project's folder, which cannot be its own copy.

    Raises:
        UsageError: It means nothing that can be copied to; the text says what is wrong.
    """
    if _CONTROL.search(text):
        raise UsageError(f"[copy] to = {text!r}: no folder is called so")
    remote = _REMOTE.fullmatch(text)
    if remote is not None:
        return _parse_remote(text, remote[1], remote[2])
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise UsageError(f"[copy] to = {text!r}: write a whole path, or host:folder")
    # As it is written: a disk that hangs must not be asked for.
    if Path(os.path.normpath(path)).is_relative_to(project):
        raise UsageError(f"[copy] to = {text!r}: this is in the project itself; name another place")
    return Target(None, str(path))


def _parse_remote(text: str, host: str, folder: str) -> Target:
    if not _HOST.fullmatch(host):
        raise UsageError(f"[copy] to = {text!r}: {host!r} is no name of a host")
    # host::module and rsync://host are another protocol, and what begins with - is an option.
    if not folder or folder[0] in ":-" or folder.startswith("//"):
        raise UsageError(f"[copy] to = {text!r}: write host:folder")
    return Target(host, folder)


def check_what(settings: CopySettings, scripts: Iterable[Script]) -> None:
    """See that somebody makes the products that shall be copied.

    Raises:
        UnknownNameError: Nobody does.
    """
    known = {product for script in scripts for product in script.outputs}
    for product in settings.what or ():
        if product not in known:
            raise UnknownNameError("product ([copy] what)", product, known)


def sign(settings: CopySettings) -> str:
    """Return what changes with where to, and with what is copied."""
    return json.dumps([settings.to, settings.what, settings.recordings])


def plan_results(record: ImageRecord, folder: Path, settings: CopySettings) -> list[CopyFile]:
    """Return the files of an image's results that are copied; thumbnails always are.

    Args:
        record: What is known about the image.
        folder: The image's folder.
        settings: Which products are wanted.
    """
    files = {
        file
        for run in record.runs.values()
        for product, file in run.products.items()
        if _is_inside(file) and _is_wanted(product, file, settings)
    }
    place = _place_of(record)
    return [CopyFile(folder / file, f"{IMAGES}/{place}/{file}") for file in sorted(files)]


def plan_records(record: ImageRecord, folder: Path) -> list[CopyFile]:
    """Return an image's parameter file and that of its group: copied after what they tell of."""
    place = f"{IMAGES}/{_place_of(record)}"
    group = folder.parent / group_file.FILE_NAME
    found = [CopyFile(folder / PARAMETER_FILE, f"{place}/{PARAMETER_FILE}")]
    if group.is_file():
        above = f"{IMAGES}/{record.image.group}"
        found.append(CopyFile(group, f"{above}/{group_file.FILE_NAME}"))
    return found


def plan_recording(record: ImageRecord, folder: Path) -> CopyFile:
    """Return an image's recording, with a place of its own: no product can have its name."""
    path = recording_path(record, folder)
    return CopyFile(path, f"{RECORDINGS}/{_place_of(record)}/{path.name}")


def _place_of(record: ImageRecord) -> str:
    return f"{record.image.group}/{record.image.name}"


def _is_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts


def _is_wanted(product: str, file: str, settings: CopySettings) -> bool:
    if settings.what is None or product in settings.what:
        return True
    return PurePosixPath(file).parts[0] == _THUMBNAILS
