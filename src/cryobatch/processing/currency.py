"""Currency: which of an image's results still are what their inputs would give."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryobatch.errors import BadInput, CryobatchError, ScriptFailed
from cryobatch.model.batch import ParameterSet
from cryobatch.model.facts import FACTS, missing_fact
from cryobatch.model.fingerprint import (
    fingerprint_product,
    fingerprint_recording,
    fingerprint_run,
)
from cryobatch.model.image import ImageRecord
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.product import ROOT_PRODUCTS
from cryobatch.model.resolution import resolve_parameters
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

    def __call__(self, name: str) -> str:
        """Return the fingerprint of a file's content."""
        path = self.folder / name
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
    """

    scripts: Mapping[str, Script]
    layers: Sequence[ParameterSet]
    digest: Digest
    recording: str


def recording_path(record: ImageRecord, folder: Path) -> Path:
    """Return the path of an image's root product."""
    return folder / record.image.root_file


def fingerprint_root(record: ImageRecord, folder: Path) -> str:
    """Return the fingerprint of an image's root product."""
    path = recording_path(record, folder)
    try:
        status = path.stat()
    except OSError as error:
        raise BadInput(
            f"{path}: the recording cannot be reached ({error.strerror}); bring it back, or import "
            "it again from where it is now"
        ) from error
    return fingerprint_recording(status.st_size, status.st_mtime_ns, status.st_ino)


def gather_reads(
    script: Script, record: ImageRecord, unknown: Sequence[str] = ()
) -> dict[str, bool | int | float | str | None]:
    """Return the facts and values that a script reads; None for an optional one that is unknown.

    Args:
        script: The script.
        record: The image's record.
        unknown: Values that do not hold any more.

    Raises:
        MissingFactError: A needed one is unknown; the text names the way out.
    """
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
            raise missing_fact(read.name, record.image.name)
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


def find_stale(record: ImageRecord, surroundings: Surroundings) -> tuple[str, ...]:
    """Return the scripts whose results are not what they would be if they ran now.

    A script that is not known any more is stale too, and so is what depends on a stale one.
    """
    current: dict[str, str] = {}
    stale = []
    for name in _in_order_of_dependence(record):
        current[name] = _fingerprint_now(name, record, surroundings, current)
        if current[name] != record.runs[name].fingerprint:
            stale.append(name)
    return tuple(sorted(stale))


def _in_order_of_dependence(record: ImageRecord) -> list[str]:
    makers = {product: name for name, run in record.runs.items() for product in run.products}
    ordered: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in ordered or name in path or name not in record.runs:
            return
        run = record.runs[name]
        for product, producers in run.inputs.items():
            for earlier in (*producers, makers.get(product, name)):
                visit(earlier, (*path, name))
        ordered.append(name)

    for name in sorted(record.runs):
        visit(name, ())
    return ordered


def _fingerprint_now(
    name: str, record: ImageRecord, surroundings: Surroundings, current: Mapping[str, str]
) -> str:
    script = surroundings.scripts.get(name)
    if script is None:
        return "the script is gone"
    try:
        inputs = {
            product: surroundings.recording
            if product in ROOT_PRODUCTS and not producers
            else fingerprint_product(
                product, tuple(_producer_now(p, record, surroundings, current) for p in producers)
            )
            for product, producers in _inputs_now(script, record).items()
        }
        return fingerprint_script(
            script,
            resolve_parameters(script, (*surroundings.layers, record.runs[name].given)),
            gather_reads(script, record),
            inputs,
            surroundings.digest,
        )
    except CryobatchError as error:
        return f"cannot run: {error}"


def _inputs_now(script: Script, record: ImageRecord) -> dict[str, tuple[str, ...]]:
    """Return what a script would read now: recorded chains, and products that came since."""
    run = record.runs[script.name]
    makers = {product: name for name, r in record.runs.items() for product in r.products}
    inputs = dict(run.inputs)
    for item in script.inputs:
        present = [name for name in item.names if name in makers]
        used = [name for name in item.names if name in run.inputs]
        if present and not used and present[0] not in script.outputs:
            inputs[present[0]] = (makers[present[0]],)
    return inputs


def _producer_now(
    name: str, record: ImageRecord, surroundings: Surroundings, current: Mapping[str, str]
) -> str:
    if name in current:
        return current[name]
    if name in record.runs:
        return record.runs[name].fingerprint
    return _fingerprint_transient(name, record, surroundings, current)


def _fingerprint_transient(
    name: str, record: ImageRecord, surroundings: Surroundings, current: Mapping[str, str]
) -> str:
    """Return the fingerprint of a run that leaves no record, such as a stack's transformer."""
    chains = [
        (product, producers, run.given)
        for run in record.runs.values()
        for product, producers in run.inputs.items()
        if name in producers
    ]
    script = surroundings.scripts.get(name)
    if script is None or not chains:
        return "the script is gone"
    product, producers, given = chains[0]
    earlier = producers[: producers.index(name)]
    inputs = {
        product: fingerprint_product(
            product, tuple(_producer_now(p, record, surroundings, current) for p in earlier)
        )
    }
    return fingerprint_script(
        script,
        resolve_parameters(script, (*surroundings.layers, given)),
        gather_reads(script, record),
        inputs,
        surroundings.digest,
    )
