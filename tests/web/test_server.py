"""``cryobatch serve`` brings the web interface with it, and takes it away again."""

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cryobatch.errors import ProjectError
from cryobatch.project import Project
from cryobatch.web.process import WebProcess, WebSettings, listen
from tests.daemon.running import wait_for
from tests.test_package import loaded_modules

CRYOBATCH = (sys.executable, "-c", "from cryobatch.cli.main import main; main()")


@contextmanager
def serving(project: Project, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``cryobatch serve``; gives the process and the address that it prints."""
    command = [*CRYOBATCH, "--project", str(project.place.folder), "serve", "--processors", "1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        found = re.fullmatch(r"open (\S+)\n", process.stdout.readline())
        assert found is not None
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def is_there(address: str) -> bool:
    """Tell whether the address with the token opens the project."""
    found = re.fullmatch(r"(https?)://127\.0\.0\.1:(\d+)(/\S*)", address)
    assert found is not None
    connection: http.client.HTTPConnection
    if found[1] == "https":
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", int(found[2]), context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", int(found[2]), timeout=10)
    try:
        connection.request("GET", found[3])
        return connection.getresponse().status == 303
    except OSError:
        return False
    finally:
        connection.close()


def find_web(daemon: int) -> int | None:
    """Return the process of the web interface of a daemon."""
    children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
    for child in children:
        if b"cryobatch.web.server" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def test_serve_prints_one_address_and_takes_all_with_it(project: Project) -> None:
    """The address opens the project; killed, the web interface comes back; then it goes."""
    project.queue.clear()
    with serving(project) as (process, address):
        wait_for(lambda: is_there(address), "the web interface")
        first = find_web(process.pid)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: find_web(process.pid) not in {None, first}, "a new one")
        wait_for(lambda: is_there(address), "the same address again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not is_there(address)


def test_a_killed_daemon_leaves_no_web_interface(project: Project) -> None:
    """Nobody listens any more, so the next ``serve`` gets its place."""
    project.queue.clear()
    with serving(project) as (process, address):
        wait_for(lambda: is_there(address), "the web interface")
        web = find_web(process.pid)
        process.kill()
        process.wait()
        wait_for(lambda: not Path(f"/proc/{web}/cmdline").exists() or not is_there(address),
                 "the end of the web interface")  # fmt: skip


def test_tls_is_served_where_a_certificate_is_given(project: Project, tmp_path: Path) -> None:
    """The address begins with https, and the cookie is for https only."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out",
         str(certificate), "-days", "1", "-subj", "/CN=localhost"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    web = WebProcess(project, WebSettings(port=0, certificate=certificate, key=key))
    try:
        address = web.start()
        assert address.startswith("https://127.0.0.1:")
        wait_for(lambda: is_there(address), "the web interface with TLS")
    finally:
        web.stop()


def test_a_taken_port_is_told(project: Project) -> None:
    """Asked for by number it is an error; by default the next free one is taken."""
    taken = listen(WebSettings(port=0))
    port = taken.getsockname()[1]
    with pytest.raises(ProjectError, match=f"port {port}.*--port"):
        listen(WebSettings(port=port))
    taken.close()
    first, second = listen(WebSettings()), listen(WebSettings())
    assert first.getsockname() != second.getsockname()
    first.close()
    second.close()
    assert project.place.folder.is_dir()


def test_only_the_web_process_loads_the_web() -> None:
    """Commands and the daemon itself stay light, and nothing imports NiceGUI."""
    heavy = {"fastapi", "starlette", "uvicorn", "nicegui", "pydantic"}
    daemon = "import cryobatch.daemon.work, cryobatch.cli.working, cryobatch.cli.app"
    assert not heavy & loaded_modules(daemon)
    assert "nicegui" not in loaded_modules("import cryobatch.web.server")
