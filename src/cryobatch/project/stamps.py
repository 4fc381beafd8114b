"""Stamps: what changes when somebody has changed settings, scripts or groups' files."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cryobatch.formats import group_file
from cryobatch.model.batch import ParameterSet
from cryobatch.model.script import Script


def stamp_files(files: Iterable[Path], folders: Iterable[Path]) -> tuple[object, ...]:
    """Return what changes with files, and with those in folders; of these no folders within.

    Python makes its cache in such a one when a processor imports a script.
    """
    inside = (sorted(p for p in folder.glob("*") if p.is_file()) for folder in folders)
    found = [*files, *(path for some in inside for path in some)]
    return tuple((str(path), _moment(path)) for path in found)


def sign_surroundings(
    scripts: Mapping[str, Script], layers: Sequence[ParameterSet], images: Path
) -> str:
    """Return what changes with all that makes results stale but is no image's own.

    Args:
        scripts: All scripts.
        layers: Parameters that hold for the whole project.
        images: Folder of all groups.
    """
    groups = sorted(images.glob(f"*/{group_file.FILE_NAME}"))
    parts = [
        {name: script.version for name, script in scripts.items()},
        *layers,
        {str(path): _moment(path) for path in groups},
    ]
    text = json.dumps(parts, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


def _moment(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
