"""Workspaces: the folders of one batch's scripts, and what is staged in them."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import BadInput, ContractError, NoRoom, ScriptFailed
from cryobatch.formats.atomic import sync_file, sync_folder, write_all
from cryobatch.model.product import TRANSIENT_PRODUCTS
from cryobatch.model.script import Script
from cryobatch.model.value import Result

_RECORD_ENDING = ".toml"
_MRC_ENDINGS = {".mrc", ".mrcs"}


@dataclass(slots=True)
class WorkFolder:
    """A processor's folder, where its scripts run, one after the other.

    Args:
        path: The folder.
        used: Whether anything may be in it, or it may be missing.
    """

    path: Path
    used: bool = True

    def empty(self) -> Path:
        """Return the folder, there and empty, for a script to use."""
        if self.used:
            _make_empty(self.path)
        self.used = True
        return self.path

    def clear(self) -> None:
        """Remove what scripts have left in it."""
        count = _count(self.path)
        if count > 0:
            shutil.rmtree(self.path, ignore_errors=True)
        self.used = count != 0


@dataclass(slots=True)
class Workspace:
    """The folders of one attempt at a batch.

    Args:
        staging: On the images' file system: what waits to be committed.
        scratch: Wherever there is room: transient products.
        work: Where the scripts run.
        transients: Where each transient product of this attempt is.
        scratched: Whether there is anything in the folder for transient products.
    """

    staging: str
    scratch: str
    work: WorkFolder
    transients: dict[str, Path] = field(default_factory=dict)
    scratched: bool = False

    def close(self) -> None:
        """Remove the transient products and the work; what is staged waits for its commit."""
        if self.scratched:
            shutil.rmtree(self.scratch, ignore_errors=True)
        self.work.clear()

    def staged(self, script: str) -> Path:
        """Return the folder of a script's products; it is there when the script makes some."""
        return Path(self.staging, script)

    def prepare(self, script: Script, wanted: frozenset[str]) -> tuple[Path, dict[str, Path]]:
        """Make a script's folders.

        Args:
            script: The script.
            wanted: Transient products that a later script reads; the others of those that it may
                leave out are not asked of it.

        Returns:
            Its empty working folder, and the paths for its outputs.
        """
        work = self.work.empty()
        outputs: dict[str, Path] = {}
        for name, output in script.outputs.items():
            if name in TRANSIENT_PRODUCTS:
                if name in wanted or not output.optional:
                    outputs[name] = Path(self.scratch, script.name, output.file)
                    self.scratched = True
            else:
                outputs[name] = self.staged(script.name) / "products" / output.file
        for path in outputs.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        return work, outputs

    def collect(self, script: Script, outputs: Mapping[str, Path]) -> dict[str, str]:
        """Check a script's outputs and take its transient ones.

        Returns:
            File below the image's folder, by product.

        Raises:
            ContractError: A declared output is not there or cannot be read.
        """
        products: dict[str, str] = {}
        for name, path in outputs.items():
            output = script.outputs[name]
            _fetch(self.work.path / output.file, path)
            if output.optional and not os.path.lexists(path):
                continue
            _check_output(path, f"{script.name}: its output {name} ({output.file})")
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

    def sync_staged(self, script: str) -> None:
        """Wait until all in the folder of a script's products is on the disk."""
        for folder, _, files in os.walk(self.staged(script)):
            for file in files:
                sync_file(Path(folder) / file)
            sync_folder(Path(folder))


def _fetch(written: Path, path: Path) -> None:
    """Take an output that a program has written into its working folder under its own name."""
    if not os.path.lexists(path) and written.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(written, path)


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


def write_staged(staging: Path | str, script: str, content: bytes) -> str:
    """Write an image's next parameter file, whose name tells its size: so it is seen when whole.

    It lies beside the attempt's folder, so that a script without products needs none: making and
    removing folders is what costs most in a short batch.

    Returns:
        Its place.
    """
    path = f"{staging}.{script}.{len(content)}{_RECORD_ENDING}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)
    return path


def find_staged(staging: Path) -> dict[str, Path]:
    """Return the staged parameter files of an attempt that are whole, by script."""
    found: dict[str, Path] = {}
    start = f"{staging.name}."
    for path in staging.parent.glob(f"{start}*{_RECORD_ENDING}"):
        name = path.name.removeprefix(start).removesuffix(_RECORD_ENDING)
        script, _, size = name.rpartition(".")
        if size == str(path.stat().st_size):
            found[script] = path
    return found


def output_of(work: Path) -> Path:
    """Return the file for what scripts print that run in a folder."""
    return work.with_name(f"{work.name}.out")


def _make_empty(folder: Path) -> None:
    count = _count(folder)
    if count:
        if count > 0:
            _remove(folder)
        folder.mkdir(parents=True)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except PermissionError:
        # A script may leave folders that it has write-protected.
        for parent, inner, _ in os.walk(folder):
            for name in inner:
                (Path(parent) / name).chmod(0o700)
        shutil.rmtree(folder)


def _count(folder: Path) -> int:
    """Return how much is in a folder, -1 without a folder."""
    try:
        return len(os.listdir(folder))  # noqa: PTH208 - a third of the time of iterdir
    except FileNotFoundError:
        return -1


@contextmanager
def explain_disk(folder: Path | str) -> Iterator[None]:
    """Turn trouble with a folder's disk into the failure of the script that it hits."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoRoom(describe_full(error, folder)) from error
        raise ScriptFailed(
            f"{error.filename or folder}: results cannot be written: {error.strerror or error}; "
            "see room and permissions there, then submit again"
        ) from error


def is_full(error: BaseException | None) -> bool:
    """Tell whether a full disk, or a full share of it, is behind an error."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return error is not None and is_full(error.__cause__)


def describe_full(error: BaseException, folder: Path | str) -> str:
    """Say where there is no room."""
    where = getattr(error, "filename", None) or folder
    return f"{where}: there is no room on the disk"


def _check_output(path: Path, what: str) -> None:
    if not os.path.lexists(path):
        raise ContractError(f"{what} was not written")
    if path.is_symlink() or not path.is_file():
        raise ContractError(f"{what} is no file: a product is a file of its own, not a link to one")
    if not path.stat().st_size:
        raise ContractError(f"{what} is empty")
    if not os.access(path, os.R_OK):
        raise ContractError(f"{what} cannot be read: its permissions do not allow it")
    if path.suffix in _MRC_ENDINGS:
        _check_mrc(path, what)


def _check_mrc(path: Path, what: str) -> None:
    # numpy is imported where there are pixels to look at, and not for every processor.
    from cryobatch.formats.mrc import open_stack

    try:
        open_stack(path).close()
    except BadInput as error:
        raise ContractError(f"{what} is no whole MRC file: {error}") from error
