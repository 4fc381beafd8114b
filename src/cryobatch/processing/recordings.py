"""Recordings that are gone: brought back by a command, for a processor knows no project."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryobatch.model.image import ImageRecord
from cryobatch.processing.currency import lost_recording, recording_path

TIME_LIMIT_S = 6 * 3600.0


def bring_back(record: ImageRecord, folder: Path, command: Sequence[str]) -> str:
    """Have the recording of an image brought back.

    Args:
        record: What is known about the image.
        folder: The image's folder, which the command is told.
        command: Program and arguments; without any nobody brings it back.

    Returns:
        What was done.

    Raises:
        BadInput: It cannot be brought back; the text says why.
    """
    path = recording_path(record, folder)
    if not command:
        raise lost_recording(path, "it is gone")
    try:
        # In the processor's own group: it is ended with it.
        done = subprocess.run(
            [*command, str(folder)], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=TIME_LIMIT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise lost_recording(path, f"it is gone, and cannot be brought back: {error}") from error
    said = (done.stdout if done.returncode == 0 else done.stderr).decode(errors="replace").strip()
    if done.returncode:
        raise lost_recording(path, said.splitlines()[-1] if said else "it is gone")
    return said
