"""Whatever the guard of a session waits for or stumbles over, the daemon goes on."""

import threading
from collections.abc import Callable

import pytest

from cryobatch.daemon import sentry
from cryobatch.errors import ProjectError
from cryobatch.model.event import Level
from cryobatch.project import Project
from tests.daemon.conftest import MakeProject
from tests.daemon.running import wait_for


class OddGuard:
    """Does at every look what it was told last."""

    act: Callable[[], object]
    looks = 0

    def __init__(self, images: object) -> None:
        """Take the place of the session's guard."""

    def look(self) -> None:
        """Count, and act."""
        OddGuard.looks += 1
        OddGuard.act()


@pytest.fixture
def project(new_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project whose guard is odd, and looked at often."""
    monkeypatch.setattr(sentry, "SessionGuard", OddGuard)
    monkeypatch.setattr(sentry, "INTERVAL_S", 0.01)
    monkeypatch.setattr(OddGuard, "looks", 0)
    return new_project(0)


@pytest.mark.parametrize("error", [ProjectError("a file is broken"), ZeroDivisionError("odd")])
def test_what_hinders_the_guard_is_told_once(project: Project, error: Exception) -> None:
    """And it looks again."""

    def fail() -> None:
        raise error

    OddGuard.act = staticmethod(fail)
    one = sentry.Sentry(project)
    one.start()
    wait_for(lambda: OddGuard.looks > 3, "further looks")
    one.stop()
    told = [row.text for row in project.log.since(0) if row.level is Level.WARNING]
    assert len(told) == 1
    assert str(error) in told[0]


def test_a_guard_that_hangs_holds_up_nobody(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as by the lock of an image, or by a gain reference on a disk that does not answer."""
    monkeypatch.setattr(sentry, "STOPPING_S", 0.1)
    released = threading.Event()
    OddGuard.act = staticmethod(released.wait)
    one = sentry.Sentry(project)
    one.start()
    wait_for(lambda: OddGuard.looks == 1, "the look that hangs")
    one.stop()
    released.set()
    one.stop()
