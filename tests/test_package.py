"""The package as a whole: light to import, and built as it should be."""

import subprocess
import sys


def loaded_modules(statement: str) -> set[str]:
    """Return what a fresh Python has loaded after a statement."""
    code = f"{statement}; import sys; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    return set(printed.split())


def test_importing_the_package_is_light() -> None:
    """A script that only declares itself pulls no arrays, no database and no command line."""
    heavy = {"numpy", "scipy", "numba", "sqlite3", "typer", "rich", "psutil"}
    assert not heavy & loaded_modules("import cryobatch")


def test_listing_scripts_is_light() -> None:
    """The built-in scripts import arrays only when they run."""
    statement = "from cryobatch.processing.catalog import builtin_scripts; builtin_scripts()"
    assert not {"numpy", "scipy", "numba"} & loaded_modules(statement)


def test_facade_is_there_for_users() -> None:
    """What laboratories' scripts and programs import is where it is promised."""
    names = "Absent, Optional, Output, Parameter, Project, Run, Value, script"
    assert "cryobatch.project.project" in loaded_modules(f"from cryobatch import {names}")
