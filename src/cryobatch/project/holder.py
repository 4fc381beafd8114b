"""Who holds a project's lock: whether a daemon works on it.

To ask takes a shared lock for a moment, which turns away nobody who takes the lock.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def find_holder(path: Path) -> Mapping[str, Any] | None:
    """Return who holds a project's lock (Any: JSON's own variety), None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_holder(path)
    finally:
        os.close(descriptor)
    return None


def read_holder(path: Path) -> Mapping[str, Any]:
    """Return what the holder has written of itself, nothing while it has not."""
    try:
        holder: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return holder
