"""Projects whose daemons run in processes of their own; nothing of them stays behind."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryobatch.project import Project
from tests.daemon.running import TEST_VARIABLE, RunningDaemon, marked_processes, wait_for
from tests.projects import make_project

MakeProject = Callable[..., Project]
StartDaemon = Callable[..., RunningDaemon]


@pytest.fixture(autouse=True)
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Keep a test apart from everything else here, and see that no process of it is left."""
    name = uuid.uuid4().hex
    monkeypatch.setenv(TEST_VARIABLE, name)
    monkeypatch.setenv("CRYOBATCH_PLACES", str(tmp_path / "places"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    yield name
    try:
        wait_for(lambda: not marked_processes(name), "the end of all processes", 10)
    finally:
        for pid in marked_processes(name):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def new_project(tmp_path: Path) -> Iterator[MakeProject]:
    """Return a function that makes a project of so many images."""
    made: list[Project] = []

    def make(images: int = 1, settings: str = "") -> Project:
        folder = tmp_path / f"project_{len(made)}"
        made.append(make_project(folder, images, scripts={}, settings=settings))
        return made[-1]

    yield make
    for project in made:
        project.close()


@pytest.fixture
def start_daemon(mark: str) -> Iterator[StartDaemon]:
    """Return a function that starts a daemon, which is ended after the test."""
    started: list[RunningDaemon] = []

    def start(
        project: Project, command: str = "serve", processors: int = 1, **environment: str
    ) -> RunningDaemon:
        folder = project.place.folder
        started.append(RunningDaemon.start(folder, command, processors, **environment))
        return started[-1]

    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.kill()
