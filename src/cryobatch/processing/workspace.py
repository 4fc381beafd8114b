"""Workspaces: the folders of one batch's scripts, and what is staged in them."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import ContractError
from cryobatch.formats import parameter_file
from cryobatch.formats.atomic import sync_folder
from cryobatch.model.image import ImageRecord
from cryobatch.model.product import TRANSIENT_PRODUCTS
from cryobatch.model.script import Script
from cryobatch.model.value import Result
from cryobatch.processing.image_folder import PARAMETER_FILE


@dataclass(slots=True)
class Workspace:
    """The folders of one attempt at a batch.

    Args:
        staging: On the images' file system: what waits to be committed.
        scratch: Wherever there is room: transient products.
        transients: Where each transient product of this attempt is.
    """

    staging: Path
    scratch: Path
    transients: dict[str, Path] = field(default_factory=dict)

    def open(self) -> None:
        """Make the folders, empty."""
        self.close()
        self.staging.mkdir(parents=True)
        self.scratch.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Remove the folders with all that is in them."""
        shutil.rmtree(self.staging, ignore_errors=True)
        self.close_scratch()

    def close_scratch(self) -> None:
        """Remove the transient products; what is staged waits for its commit."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def staged(self, script: str) -> Path:
        """Return the folder of a script's results."""
        return self.staging / script

    def prepare(self, script: Script, wanted: frozenset[str]) -> tuple[Path, dict[str, Path]]:
        """Make a script's folders.

        Args:
            script: The script.
            wanted: Transient products that a later script reads; the others of those that it may
                leave out are not asked of it.

        Returns:
            Its empty working folder, and the paths for its outputs.
        """
        staged = self.staged(script.name)
        shutil.rmtree(staged, ignore_errors=True)
        work = staged / "work"
        work.mkdir(parents=True)
        outputs: dict[str, Path] = {}
        for name, output in script.outputs.items():
            if name in TRANSIENT_PRODUCTS:
                if name in wanted or not output.optional:
                    outputs[name] = self.scratch / script.name / output.file
            else:
                outputs[name] = staged / "products" / output.file
        for path in outputs.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        return work, outputs

    def collect(self, script: Script, outputs: Mapping[str, Path]) -> dict[str, str]:
        """Check a script's outputs and take its transient ones.

        Returns:
            File below the image's folder, by product.

        Raises:
            ContractError: A declared output is not there.
        """
        products: dict[str, str] = {}
        for name, path in outputs.items():
            output = script.outputs[name]
            if not _is_readable(path):
                if output.optional and not path.exists():
                    continue
                raise ContractError(f"{script.name} did not write its output {name} ({path.name})")
            if name in TRANSIENT_PRODUCTS:
                self._take_transient(name, path)
            else:
                products[name] = output.file
        return products

    def _take_transient(self, name: str, path: Path) -> None:
        earlier = self.transients.get(name)
        self.transients[name] = path
        if earlier is not None and earlier != path:
            earlier.unlink(missing_ok=True)

    def stage_record(self, script: str, record: ImageRecord) -> None:
        """Put the image's next parameter file beside the products, all of it on the disk."""
        staged = self.staged(script)
        shutil.rmtree(staged / "work", ignore_errors=True)
        products = staged / "products"
        for folder, _, files in os.walk(products):
            for file in files:
                _sync_file(Path(folder) / file)
        path = staged / PARAMETER_FILE
        with path.open("wb") as file_object:
            file_object.write(parameter_file.dumps(record).encode())
            file_object.flush()
            os.fsync(file_object.fileno())
        if products.is_dir():
            sync_folder(staged)


def check_values(script: Script, given: object) -> dict[str, Result]:
    """Return a script's values as declared.

    Raises:
        ContractError: One is missing, out of range, or was never declared.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise ContractError(f"{script.name} returned {type(given).__name__}, not a mapping")
    unknown = sorted(str(name) for name in given if name not in script.values)
    if unknown:
        raise ContractError(f"{script.name} gave {unknown[0]}, which it does not declare")
    missing = sorted(name for name in script.values if name not in given)
    if missing:
        raise ContractError(f"{script.name} did not give its value {missing[0]}")
    return {
        name: declared.check(given[name], f"{script.name}.{name}")
        for name, declared in script.values.items()
    }


def _is_readable(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0 and os.access(path, os.R_OK)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
