"""Nothing answers without the token, and a guest changes nothing."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cryobatch.errors import ProjectError, UsageError
from cryobatch.project import Project
from cryobatch.web.auth import FILE_NAME, Access, Right, open_access
from cryobatch.web.pages.frame import PAGES
from cryobatch.web.process import WebSettings

OUTSIDE = (
    *(page.path for page in PAGES),
    "/components/frame.js", "/components/style.css", "/libraries/ag-grid.js",
    "/docs", "/redoc", "/openapi.json", "/favicon.ico", "/nothing", "/../project.toml",
)  # fmt: skip

NAMES = {"product": "micrograph_thumbnail", "kind": "micrograph"}
"""What stands for names in addresses; numbers are 1."""


def routes(client: TestClient) -> Iterator[tuple[str, str]]:
    """Yield method and path of everything that the API offers."""
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            yield method.upper(), re.sub(r"{([a-z_]+)}", lambda m: NAMES.get(m[1], "1"), path)


def test_nothing_answers_without_a_token(client: TestClient) -> None:
    """Every route of the API and every page and file is closed, and says no word of the project."""
    offered = [*routes(client), *(("GET", path) for path in OUTSIDE)]
    assert len(offered) > 25
    del client.headers["Authorization"]
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        for method, path in offered:
            answer = client.request(method, path, headers=wrong)
            assert answer.status_code == 401, (method, path)
            assert "image_1" not in answer.text


def test_every_reading_route_answers_with_the_token(client: TestClient) -> None:
    """What the API offers to read is there, and is never kept by anybody in between."""
    for method, path in routes(client):
        if method != "GET" or path == "/api/v1/events":
            continue
        answer = client.get(path)
        # What is named here is not there (a picture, a log, a file): that is told in words.
        is_named = re.search("/(1|micrograph[a-z_]*)(/|$)", path.removeprefix("/api/v1/images/1"))
        told = is_named and answer.status_code in {400, 404, 422} and answer.json()["error"]
        assert answer.status_code == 200 or told, (path, answer.text)
        assert re.search("no-store|no-cache|private", answer.headers["Cache-Control"])


def test_a_guest_sees_everything_and_changes_nothing(client: TestClient, access: Access) -> None:
    """The read-only token opens pages and reading routes; every order is refused."""
    orders = [(method, path) for method, path in routes(client) if method != "GET"]
    assert orders
    before = client.get("/api/v1/queue").json()["counts"]
    client.headers["Authorization"] = f"Bearer {access.guest}"
    assert client.get("/api/v1/queue").status_code == 200
    assert 'data-right="see"' in client.get("/queue").text
    for method, path in orders:
        assert client.request(method, path, json={}).status_code == 403, path
    assert client.get("/api/v1/queue").json()["counts"] == before


def test_the_address_with_the_token_signs_a_browser_in(
    stranger: TestClient, access: Access
) -> None:
    """The token leaves the address at once, and no script of a page can read it."""
    answer = stranger.get(f"/?token={access.token}&x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?x=1")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert stranger.get("/").status_code == 200
    assert access.token not in stranger.get("/").text
    assert stranger.get("/?token=wrong").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:8642"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_orders_of_a_browser_come_from_our_own_pages(
    stranger: TestClient, access: Access, headers: dict[str, str], status: int
) -> None:
    """A page of somebody else cannot use a person's cookie."""
    stranger.get(f"/?token={access.token}")
    assert stranger.post("/api/v1/queue/pause", json={}, headers=headers).status_code == status


@pytest.mark.parametrize(
    "other", ['settings={"dark": true}', "path=/lab", "a b=c", "seen", '_xsrf=2|"; theme=a=b']
)
def test_cookies_of_other_programs_do_not_lock_a_browser_out(
    stranger: TestClient, access: Access, other: str
) -> None:
    """Browsers send the cookies of all ports of a machine, in whatever form others wrote them."""
    ours = f"{access.cookie}={access.token}"
    for header in (f"{other}; {ours}", f"{ours}; {other}"):
        answer = stranger.get("/api/v1/queue", headers={"Cookie": header})
        assert answer.status_code == 200, header


def test_other_names_of_this_machine_are_turned_away(client: TestClient) -> None:
    """A stranger's name that leads to loopback (DNS rebinding) opens nothing."""
    assert client.get("/api/v1/queue", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/api/v1/queue", headers={"Host": "localhost:9"}).status_code == 200


def test_only_json_of_a_bounded_size_is_read(client: TestClient) -> None:
    """A form of another page, or a flood of bytes, is refused before it is read."""
    form = client.post("/api/v1/queue/pause", data={"a": "b"})
    assert form.status_code == 415
    assert client.post("/api/v1/queue/top", content=b"x" * 5_000_000).status_code == 413


def test_pages_may_run_nothing_but_our_own_files(client: TestClient) -> None:
    """The policy allows no inline script, no eval, and nothing from outside."""
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
    other = client.get("/").headers["Content-Security-Policy"]
    assert policy != other


def test_websockets_are_refused(client: TestClient, access: Access) -> None:
    """There is none, with or without a token."""
    headers = {"Authorization": f"Bearer {access.token}"}
    with pytest.raises(WebSocketDisconnect) as refused:
        client.websocket_connect("/", headers=headers).__enter__()
    assert refused.value.code == 1008


def test_tokens_are_kept_for_their_owner_only(project: Project, access: Access) -> None:
    """The file is 0600 whatever the umask; tokens stay over a restart, and are never the same."""
    path = project.place.state / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_access(project.place.state, project.settings.id) == access
    assert access.token != access.guest
    assert access.right_of(access.token) is Right.CHANGE
    assert access.right_of(access.guest) is Right.SEE
    assert access.right_of("") is Right.NOTHING
    path.write_text('{"token": "", "guest": ""}')
    with pytest.raises(ProjectError, match="no proper tokens"):
        open_access(project.place.state, project.settings.id)


def test_other_machines_are_let_in_only_with_tls_or_on_purpose() -> None:
    """Beyond loopback the token would travel open."""
    WebSettings().check()
    WebSettings(host="localhost").check()
    WebSettings(host="0.0.0.0", insecure=True).check()
    with pytest.raises(UsageError, match="--certificate"):
        WebSettings(host="0.0.0.0").check()


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_a_port_that_cannot_be_is_told(port: int) -> None:
    """The system would listen at another one without a word."""
    with pytest.raises(UsageError, match="0 to 65535"):
        WebSettings(port=port).check()
    WebSettings(port=65_535).check()


def test_a_certificate_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    """Else an address is printed at which nothing ever answers."""
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_text("no certificate")
    key.write_text("no key")
    with pytest.raises(UsageError, match=r"server\.pem.*server\.key"):
        WebSettings(certificate=certificate, key=key).check()
