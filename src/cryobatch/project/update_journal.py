"""Journal of updates: which images' files may say more than the library does, after a kill."""

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FOLDER = ".updating"


@contextmanager
def keep_journal(state: Path, ids: Sequence[int]) -> Iterator[None]:
    """Note images before their files are changed: the note stays when we do not come to the end.

    Its lock says that we live: it ends with us, however that comes.

    Args:
        state: The project's folder on a local disk.
        ids: The images.
    """
    path, descriptor = _begin(state / FOLDER)
    try:
        os.write(descriptor, json.dumps(list(ids)).encode())
        os.fdatasync(descriptor)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def finish_updates(state: Path, index: Callable[[Sequence[int]], object]) -> None:
    """Let the library repeat what somebody who is gone has written.

    Args:
        state: The project's folder on a local disk.
        index: Repeats images' files in the library; done twice, it is as if done once.
    """
    for path in sorted((state / FOLDER).glob("*.json")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            index(_read(path))
            path.unlink(missing_ok=True)
        except BlockingIOError:
            continue  # whoever writes there will index it
        finally:
            os.close(descriptor)


def _begin(folder: Path) -> tuple[Path, int]:
    """Make a journal and lock it; nobody takes it for an abandoned one in between."""
    folder.mkdir(exist_ok=True)
    while True:
        path = folder / f"{secrets.token_hex(8)}.json"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def _read(path: Path) -> list[int]:
    """Return what was noted; nothing was changed where the note is not whole."""
    try:
        return [int(one) for one in json.loads(path.read_bytes())]
    except ValueError:
        return []
