"""Currency: the fingerprint of what a script's run depends on."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.model.batch import ParameterSet
from cryobatch.model.facts import FACTS, missing_fact
from cryobatch.model.fingerprint import (
    fingerprint_recording,
    fingerprint_run,
)
from cryobatch.model.image import ImageRecord
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.script import Script
from cryobatch.model.value import Absent

Digest = Callable[[str], str]
"""Gives the fingerprint of a file's content."""


@dataclass(slots=True)
class FileDigests:
    """Fingerprints of files by content, remembered as long as size, time and inode stay.

    Args:
        folder: What relative paths are relative to.
    """

    folder: Path
    _known: dict[tuple[str, int, int, int], str] = field(default_factory=dict)

    def find(self, name: str) -> Path:
        """Return the path of a file that a parameter or fact names."""
        return self.folder / Path(name).expanduser()

    def find_files(
        self, script: Script, parameters: Mapping[str, ParameterValue]
    ) -> dict[str, ParameterValue]:
        """Return a script's parameters with its files as absolute paths."""
        files = {n for n, declared in script.parameters.items() if declared.kind == "file"}
        return {n: str(self.find(str(v))) if n in files and v else v for n, v in parameters.items()}

    def find_fact_files(self, reads: Mapping[str, Any]) -> dict[str, Any]:
        """Return facts and values with the files among the facts as absolute paths."""
        files = {n for n in reads if n in FACTS and FACTS[n].kind == "file"}
        return {n: str(self.find(str(v))) if n in files and v else v for n, v in reads.items()}

    def __call__(self, name: str) -> str:
        """Return the fingerprint of a file's content."""
        path = self.find(name)
        try:
            status = path.stat()
            key = (str(path), status.st_size, status.st_mtime_ns, status.st_ino)
            if key not in self._known:
                with path.open("rb") as file:
                    self._known[key] = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        except OSError as error:
            raise ScriptFailed(f"{path}: cannot be read: {error.strerror}") from error
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What results depend on besides the image's own record.

    Args:
        scripts: All known scripts by name.
        layers: Parameter sets from the weakest (site) to that of the image.
        digest: Gives the fingerprint of a file's content.
        recording: Fingerprint of the root product.
        is_there: Tells whether a file of the image's folder is there.
    """

    scripts: Mapping[str, Script]
    layers: Sequence[ParameterSet]
    digest: Digest
    recording: str
    is_there: Callable[[str], bool] = lambda _: True


def recording_path(record: ImageRecord, folder: Path) -> Path:
    """Return the path of an image's root product."""
    return folder / record.image.root_file


def fingerprint_root(record: ImageRecord, path: Path) -> str:
    """Return the fingerprint of an image's root product, which is at this path.

    One that is gone has that which it had when it was taken: what has come of it still holds. So
    has the file that took its place, when it had the same content.
    """
    image = record.image
    try:
        found = fingerprint_file(path)
    except OSError as error:
        if image.root_fingerprint is not None:
            return image.root_fingerprint
        raise lost_recording(path, error.strerror or "no reason") from error
    same = image.root_fingerprint is not None and found == image.brought_back
    return image.root_fingerprint if same and image.root_fingerprint else found


def fingerprint_file(path: Path | str) -> str:
    """Return the fingerprint of a recording's file."""
    status = os.stat(path)  # noqa: PTH116 - a text path is quicker
    return fingerprint_recording(status.st_size, status.st_mtime_ns, status.st_ino)


def lost_recording(path: Path, reason: str) -> BadInput:
    """Return the words for a recording that is gone."""
    return BadInput(
        f"{path}: the recording cannot be reached ({reason}); bring it back, or import "
        "it again from where it is now"
    )


def gather_reads(
    script: Script,
    record: ImageRecord,
    unknown: Sequence[str] = (),
    scripts: Mapping[str, Script] | None = None,
) -> dict[str, bool | int | float | str | None]:
    """Return the facts and values that a script reads; None for an optional one that is unknown.

    Args:
        script: The script.
        record: The image's record.
        unknown: Values that do not hold any more.
        scripts: All known scripts, to name the one that would help.

    Raises:
        MissingFactError: A needed one is unknown; the text names the way out.
    """
    if not script.reads:
        return {}
    values = record.all_values()
    gathered: dict[str, bool | int | float | str | None] = {}
    for read in script.reads:
        if read.name in FACTS:
            found: object = record.fact(read.name)
        else:
            found = None if read.name in unknown else values.get(read.name)
        if isinstance(found, Absent):
            if not read.optional:
                raise ScriptFailed(f"{script.name} needs {read.name}, absent: {found.reason}")
            found = None
        if found is None and not read.optional:
            makers = [n for n, s in (scripts or {}).items() if read.name in s.values]
            raise missing_fact(read.name, record.image.name, makers)
        assert found is None or isinstance(found, bool | int | float | str)
        gathered[read.name] = found
    return gathered


def fingerprint_script(
    script: Script,
    parameters: Mapping[str, ParameterValue],
    reads: Mapping[str, Any],
    inputs: Mapping[str, str],
    digest: Digest,
) -> str:
    """Return the fingerprint of a run, with files counted by their content."""
    files = {n for n, declared in script.parameters.items() if declared.kind == "file"}
    fact_files = {n for n in reads if n in FACTS and FACTS[n].kind == "file"}
    return fingerprint_run(
        script,
        {n: digest(str(v)) if n in files and v else v for n, v in parameters.items()},
        {n: digest(str(v)) if n in fact_files and v else v for n, v in reads.items()},
        inputs,
    )
