"""Tell from an EPU session's own file whether its movies are gain-corrected."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.epu_session import read_gain_applied
from cryobatch.importing.layouts.epu_atlas import SESSION_FILE
from cryobatch.model.image import FactValue

LEVELS_UP = 4
"""The session's folder is that above disc, grid square and data."""


def gain_facts(*files: Path) -> dict[str, FactValue]:
    """Return what the session that one of some files lies in says of the gain.

    Args:
        files: The XML and the movie of an exposure: either may lie in the session's folder.
    """
    for file in files:
        for folder in file.parents[:LEVELS_UP]:
            path = folder / SESSION_FILE
            with suppress(OSError, BadInput):  # there is none, or it is written at this moment
                applied = _read(path, path.stat().st_mtime_ns)
                return {} if applied is None else {"gain_applied": applied}
    return {}


@lru_cache(maxsize=16)
def _read(path: Path, _changed_ns: int) -> bool | None:
    """Return what a session's file says; remembered until it changes."""
    return read_gain_applied(path)
