"""Read the path of a folder that a person types, and complete it."""

import os
from pathlib import Path

from cryobatch.errors import UsageError

MOST_FOLDERS = 12


def read_folder(typed: str) -> Path:
    """Return the folder that a person means.

    Raises:
        UsageError: It is no whole path.
    """
    text = typed.strip()
    if "\0" in text or not text.startswith(("/", "~")):
        raise UsageError("write the whole path of the folder, from / on")
    try:
        return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - not along links
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"{text!r} is no path: {error}") from error


def complete_folder(typed: str) -> list[str]:
    """Return the folders whose paths begin with what was typed, hidden ones left out."""
    above, _, begun = os.path.expanduser(typed.strip()).rpartition("/")  # noqa: PTH111 - a text
    found: list[str] = []
    try:
        with os.scandir(above or "/") as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(begun) and not name.startswith(".") and entry.is_dir():
                    found.append(f"{above}/{name}")
                if len(found) >= 10 * MOST_FOLDERS:
                    break
    except (OSError, ValueError):
        return []
    return sorted(found)[:MOST_FOLDERS]
