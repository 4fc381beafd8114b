"""The daemon's lock: one daemon a project, held by the kernel and never by a pid file."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryobatch.errors import ProjectBusyError


@contextmanager
def hold_lock(path: Path, command: str, started_at: str) -> Iterator[None]:
    """Hold a project's lock.

    Args:
        path: The lock's file, on a local disk.
        command: What holds it, for the one who is turned away.
        started_at: ISO 8601.

    Raises:
        ProjectBusyError: Another daemon has it; the text says which.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProjectBusyError(_tell_holder(path)) from None
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "command": command,
                  "started_at": started_at}  # fmt: skip
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def find_holder(path: Path) -> Mapping[str, Any] | None:
    """Return who holds a project's lock (Any: JSON's own variety), None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(path)
    finally:
        os.close(descriptor)
    return None


def _read_holder(path: Path) -> Mapping[str, Any]:
    try:
        holder: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return holder


def _tell_holder(path: Path) -> str:
    holder = _read_holder(path)
    who = "another daemon"
    if holder:
        who = (
            f"'cryobatch {holder.get('command')}' (process {holder.get('pid')} on "
            f"{holder.get('host')}, since {holder.get('started_at')})"
        )
    return f"{who} works on this project already: submit to it, or stop it first"
