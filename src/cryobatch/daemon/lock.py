"""The daemon's lock: one daemon a project, held by the kernel and never by a pid file."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryobatch.errors import ProjectBusyError
from cryobatch.project.holder import find_holder, read_holder

__all__ = ["find_holder", "hold_lock"]

LOOK_S = 0.001


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
        while not _take(descriptor):
            if not _take(descriptor, fcntl.LOCK_SH):
                raise ProjectBusyError(_tell_holder(path))
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(LOOK_S)  # somebody only looks, as ``find_holder`` does
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "command": command,
                  "started_at": started_at}  # fmt: skip
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell_holder(path: Path) -> str:
    holder = read_holder(path)
    who = "another daemon"
    if holder:
        who = (
            f"'cryobatch {holder.get('command')}' (process {holder.get('pid')} on "
            f"{holder.get('host')}, since {holder.get('started_at')})"
        )
    return f"{who} works on this project already: submit to it, or stop it first"
