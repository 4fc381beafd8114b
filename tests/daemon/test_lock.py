"""A project's lock: one daemon at a time, and whoever only looks is in nobody's way."""

import fcntl
import os
from pathlib import Path
from threading import Timer

import pytest

from cryobatch.daemon.lock import find_holder, hold_lock
from cryobatch.errors import ProjectBusyError


def test_a_second_daemon_is_told_who_is_there(tmp_path: Path) -> None:
    """As long as it is."""
    path = tmp_path / "lock"
    assert find_holder(path) is None
    with hold_lock(path, "serve", "now"):
        assert (find_holder(path) or {})["command"] == "serve"
        with (
            pytest.raises(ProjectBusyError, match="cryobatch serve"),
            hold_lock(path, "run", "now"),
        ):
            pass
    assert find_holder(path) is None


def test_who_looks_turns_no_daemon_away(tmp_path: Path) -> None:
    """To look takes the lock for a moment, together with all who look."""
    path = tmp_path / "lock"
    looking = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    end = Timer(0.05, os.close, [looking])
    end.start()
    with hold_lock(path, "run", "now"):
        assert find_holder(path) is not None
    end.join()
