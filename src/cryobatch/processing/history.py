"""History: what is kept of a run that a newer one replaces."""

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from cryobatch.formats import parameter_file
from cryobatch.model.image import ImageRecord

HISTORY_FOLDER = "history"
THUMBNAILS_FOLDER = "thumbnails"


def name_history(record: ImageRecord, script: str) -> str:
    """Return the name of the folder that keeps a script's present run, and what ended with it."""
    run = record.runs[script]
    moment = "".join(c for c in run.started_at if c.isalnum())[:15]
    return f"{script}-{moment}-{run.batch}"


def stage_history(
    staged: Path,
    image_folder: Path,
    record: ImageRecord,
    replaced: Sequence[str],
    *,
    keep_products: bool,
) -> str:
    """Put record, values and thumbnails of runs that end beside their successor.

    Args:
        staged: Folder of the new run.
        image_folder: Folder of the image.
        record: The record that holds the runs that end.
        replaced: Scripts whose runs they are, at least one.
        keep_products: Whether the large products are kept too.

    Returns:
        Name of the folder in the image's history.
    """
    name = name_history(record, replaced[0])
    folder = staged / HISTORY_FOLDER / name
    folder.mkdir(parents=True)
    kept = replace(
        record,
        parameters={},
        runs={script: record.runs[script] for script in replaced},
        values={script: record.values.get(script, {}) for script in replaced},
    )
    (folder / "record.toml").write_text(parameter_file.dumps(kept))
    for file in sorted(kept.files()):
        if keep_products or PurePosixPath(file).parts[0] == THUMBNAILS_FOLDER:
            _link(image_folder / file, folder / file)
    return name


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # The commit replaces the file by another one, so that a second name keeps the old content.
    with contextlib.suppress(FileNotFoundError):
        try:
            os.link(source, target)
        except OSError:  # not every file system has second names
            shutil.copy2(source, target)
