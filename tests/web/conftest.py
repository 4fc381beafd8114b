"""A project behind the web interface, for programs and for a browser."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.testclient import TestClient

from cryobatch.project import Project
from cryobatch.web.app import make_app
from cryobatch.web.auth import Access, open_access
from tests.daemon.running import wait_for
from tests.web.browser import ARGUMENTS, Visitor
from tests.web.site import ROOT, Site, make_session


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Make a project with some images, pictures of theirs, batches and a log."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    with make_session(tmp_path / "project") as made:
        yield made


@pytest.fixture
def access(project: Project) -> Access:
    """Return the project's tokens."""
    return open_access(project.place.state, project.settings.id)


@pytest.fixture
def stranger(project: Project, access: Access) -> Iterator[TestClient]:
    """Return a program that knows no token."""
    app = make_app(project, access)
    with TestClient(app, base_url="http://127.0.0.1:8642", follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient, access: Access) -> TestClient:
    """Return a program that has the token."""
    stranger.headers["Authorization"] = f"Bearer {access.token}"
    return stranger


@pytest.fixture
def serve_site(project: Project, access: Access) -> Iterator[Callable[[], Site]]:
    """Return a function that serves the project at a port, again the same after the first time."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    started: list[tuple[subprocess.Popen[bytes], int]] = []

    def serve() -> Site:
        reader, lifeline = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "cryobatch.web.server", str(project.place.folder),
             "--listener", str(listener.fileno()), "--lifeline", str(reader)],
            pass_fds=(listener.fileno(), reader), cwd=ROOT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(reader)
        started.append((process, lifeline))
        site = Site(project, access, port, process)
        wait_for(site.answers, "the web interface")
        return site

    yield serve
    for process, lifeline in started:
        os.close(lifeline)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    listener.close()


@pytest.fixture
def site(serve_site: Callable[[], Site]) -> Site:
    """Serve the project to browsers."""
    return serve_site()


@pytest.fixture(scope="session")
def browser(needs_program: Callable[[str, str], str]) -> Iterator[Browser]:
    """Start Debian's Chromium once."""
    path = needs_program("chromium", "chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def visitor(site: Site, browser: Browser) -> Iterator[Visitor]:
    """Return a person at a browser; any request off this machine or error of a page fails."""
    person = Visitor(site, browser)
    yield person
    assert person.faults == []
