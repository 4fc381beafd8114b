"""The short-lived child that imports foreign Python, to tell what it declares."""

import importlib
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from cryobatch.errors import CryobatchError
from cryobatch.model.declaration import declared_script
from cryobatch.model.script import Script, script_to_json
from cryobatch.processing.catalog import digest_file, scripts_of_module

NOTHING_DECLARED = "declares no script: decorate a function with @cryobatch.script(...)"


def load_file(path: Path) -> ModuleType:
    """Import a Python file as a module of its own."""
    name = f"cryobatch_laboratory_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise CryobatchError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def describe(subject: str) -> dict[str, Any]:
    """Return what a file, or "module:NAME", declares as JSON's types (Any: JSON's own variety)."""
    try:
        scripts = _load_scripts(subject)
    except SystemExit as error:
        return {"error": f"ends its process at its import (exit code {error.code})"}
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything at its import
        return {"error": f"cannot be imported: {type(error).__name__}: {error}"}
    if not scripts:
        return {"error": NOTHING_DECLARED}
    return {"scripts": [script_to_json(script) for script in scripts]}


def _load_scripts(subject: str) -> list[Script]:
    if subject.startswith("module:"):
        return scripts_of_module(importlib.import_module(subject.removeprefix("module:")))
    path = Path(subject)
    version = digest_file(path)
    return [
        replace(script, kind="file", place=subject, version=f"{script.version}-{version}")
        for script in scripts_of_module(load_file(path))
    ]


def find_function(module: ModuleType, script_name: str) -> Any:
    """Return the function of a script (Any: its parameters are its own)."""
    for item in vars(module).values():
        declared = declared_script(item)
        if declared is not None and declared.name == script_name:
            return item
    raise CryobatchError(f"{module.__name__} declares no script {script_name!r} any more")


def main() -> None:
    """Write the answer about the subject into the given file."""
    Path(sys.argv[1]).write_text(json.dumps(describe(sys.argv[2])))


if __name__ == "__main__":
    main()
