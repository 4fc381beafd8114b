"""Invocation: calling a script, with its output in the image's log."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from cryobatch.errors import CryobatchError, NoRoom, ScriptFailed
from cryobatch.model.run import Run
from cryobatch.model.script import Script
from cryobatch.model.value import Result
from cryobatch.processing.discovery import find_function, load_file
from cryobatch.processing.executable import end_leftovers, run_executable
from cryobatch.processing.output import OutputFile
from cryobatch.processing.workspace import check_values, describe_full, explain_disk, is_full
from cryobatch.version import VERSION

_REPORTED_TOOLS = ("numpy", "scipy", "numba", "tifffile", "imagecodecs", "mrcfile", "ducc0")


Log = IO[bytes] | OutputFile
"""Takes what a script says."""

Collect = Callable[[], Mapping[str, str]]
"""Checks what was written; returns the file below the image's folder by product."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script gave.

    Args:
        values: Its declared values.
        products: File below the image's folder, by product.
        tools: Versions of what it was made with.
    """

    values: Mapping[str, Result]
    products: Mapping[str, str]
    tools: Mapping[str, str]


def invoke(
    script: Script,
    run: Run,
    parameters: Mapping[str, Any],
    log_path: str,
    output: OutputFile,
    collect: Collect,
) -> Outcome:
    """Run a script and check what it gave.

    Args:
        script: The script.
        run: What it is given.
        parameters: Its resolved parameters; files as absolute paths.
        log_path: Takes all that it says, and why it failed.
        output: Takes what a function prints meanwhile.
        collect: Checks its outputs.

    Raises:
        CryobatchError: It has failed; the text says why.
    """
    with _open_log(script, log_path, output) as log:
        try:
            values, tools = _call(script, run, parameters, log)
            return Outcome(check_values(script, values), collect(), tools)
        except CryobatchError as error:
            _note(log, f"FAILED: {error}\n")
            if is_full(error):
                raise NoRoom(str(error)) from error
            raise
        except Exception as error:
            _note(log, traceback.format_exc())
            if is_full(error):
                raise NoRoom(describe_full(error, run.workspace)) from error
            raise ScriptFailed(_in_words(error)) from error


@contextmanager
def _open_log(script: Script, path: str, output: OutputFile) -> Iterator[Log]:
    """Give what takes a script's output: a program's log can be read while it runs."""
    with explain_disk(path):
        if script.kind == "executable":
            file = Path(path)
            file.parent.mkdir(exist_ok=True)
            with file.open("ab", buffering=0) as log:
                yield log
            return
        output.begin(path)
        try:
            yield output
        except BaseException:
            with contextlib.suppress(OSError):  # the reason of a failure comes first
                output.keep()
            raise
        output.keep()


def _note(log: Log, text: str) -> None:
    # On a full disk the reason is still told to the daemon.
    with contextlib.suppress(OSError):
        log.write(text.encode(errors="backslashreplace"))


def _call(
    script: Script, run: Run, parameters: Mapping[str, Any], log: Log
) -> tuple[object, Mapping[str, str]]:
    """Return what a script gave as its values, and the versions of what it used."""
    if not isinstance(log, OutputFile):
        answers = run_executable(script, run, parameters, log)
        return answers.values, {"cryobatch": VERSION, **answers.tools}
    arguments = {
        name: Path(str(value)) if script.parameters[name].kind == "file" and value else value
        for name, value in parameters.items()
    }
    home = os.getcwd()  # noqa: PTH109 - a text path
    try:
        with log.taking():
            return _load_function(script)(run, **arguments), _tool_versions()
    except SystemExit as error:
        raise ScriptFailed(f"{script.name} ended itself (exit code {error.code})") from error
    finally:
        os.chdir(home)
        if script.origin != "package":
            end_leftovers()


def _load_function(script: Script) -> Any:
    """Return a script's function (Any: its parameters are its own)."""
    return _find_function(script.kind, script.place, script.name)


@cache
def _find_function(kind: str, place: str, name: str) -> Any:
    # A processor is renewed when a script changes.
    return find_function(_load_module(kind, Path(place)), name)


def _load_module(kind: str, place: Path) -> ModuleType:
    if kind == "module":
        return import_module(str(place))
    loaded = sys.modules.get(f"cryobatch_laboratory_{place.stem}")
    if loaded is not None and loaded.__file__ == str(place):
        return loaded
    return load_file(place)


def _tool_versions() -> dict[str, str]:
    loaded = {name: sys.modules[name] for name in _REPORTED_TOOLS if name in sys.modules}
    versions = {name: getattr(module, "__version__", "") for name, module in loaded.items()}
    return {"cryobatch": VERSION, **{name: v for name, v in versions.items() if v}}


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"memory ran out ({error})"
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__} at {where}: {error} (the whole trace is in its log)"
