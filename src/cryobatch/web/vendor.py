"""Libraries of others that pages use: files of NiceGUI's wheel, found without importing it."""

import importlib.util
from pathlib import Path

from cryobatch.errors import ProjectError

_FILES = {
    "ag-grid.js": "elements/aggrid/dist/index.js",
    "echarts.js": "elements/echart/dist/index.js",
}
_FOLDERS = {"echarts.js": "elements/echart/dist"}


def find_files() -> dict[str, Path]:
    """Return the files by the names under which they are served.

    Raises:
        ProjectError: The wheel does not hold them.
    """
    found = importlib.util.find_spec("nicegui")
    if found is None or found.origin is None:
        raise ProjectError("the package nicegui is missing: install cryobatch again")
    root = Path(found.origin).parent
    files = {name: root / place for name, place in _FILES.items()}
    # A bundle imports its parts by names that change with each version.
    for folder in _FOLDERS.values():
        files |= {path.name: path for path in sorted((root / folder).glob("index-*.js"))}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise ProjectError(f"nicegui lacks {', '.join(missing)}: install a version from 3.18 on")
    return files
