"""Access: who may see the project, and who may change it."""

import hmac
import json
import os
import secrets
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlencode

from cryobatch.errors import ProjectError
from cryobatch.formats.atomic import sync_folder, write_all

TOKEN_BYTES = 32
FILE_NAME = "web-access.json"
_COOKIE_AGE_S = 90 * 24 * 3600


class Right(Enum):
    """What a request may do."""

    NOTHING = "nothing"
    SEE = "see"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Access:
    """The two tokens of a project.

    Args:
        project_id: Tells its cookie from those of other projects on this machine.
        token: May do everything.
        guest: May only look.
    """

    project_id: str
    token: str
    guest: str

    @property
    def cookie(self) -> str:
        """Return the cookie's name: browsers share cookies between the ports of a machine."""
        return f"cryobatch-{self.project_id[:12]}"

    def right_of(self, token: str | None) -> Right:
        """Return what a token allows; compared in constant time."""
        given = (token or "").encode()
        full = hmac.compare_digest(given, self.token.encode())
        guest = hmac.compare_digest(given, self.guest.encode())
        if full:
            return Right.CHANGE
        return Right.SEE if guest else Right.NOTHING

    def set_cookie(self, token: str, *, secure: bool) -> str:
        """Return the header by which a browser remembers a token."""
        text = f"{self.cookie}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={_COOKIE_AGE_S}"
        return text + ("; Secure" if secure else "")

    def read_cookie(self, header: str) -> str | None:
        """Return the token in a browser's ``Cookie`` header.

        Browsers send the cookies of all ports of a machine: one that another program wrote in a
        form of its own must not hide ours, as the standard library's parser lets it.
        """
        for cookie in header.split(";"):
            name, _, value = cookie.partition("=")
            if name.strip() == self.cookie:
                return value.strip()
        return None


def read_token(access: Access, authorization: str | None, cookies: str | None) -> str | None:
    """Return the token that a request carries: as a bearer, else as a cookie."""
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None
    return access.read_cookie(cookies) if cookies is not None else None


def open_access(state: Path, project_id: str) -> Access:
    """Return a project's tokens; made at the first time, in a file that only its owner reads.

    Args:
        state: The project's folder for database and lock.
        project_id: The project.

    Raises:
        ProjectError: The file is there and cannot be used.
    """
    path = state / FILE_NAME
    if not path.exists():
        made = {"token": secrets.token_urlsafe(TOKEN_BYTES),
                "guest": secrets.token_urlsafe(TOKEN_BYTES)}  # fmt: skip
        _write_privately(path, json.dumps(made).encode())
    try:
        path.chmod(0o600)
        found = json.loads(path.read_text())
        token, guest = str(found["token"]), str(found["guest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(f"{path}: cannot be read; remove it for new tokens") from error
    if min(len(token), len(guest)) < TOKEN_BYTES or token == guest:
        raise ProjectError(f"{path}: holds no proper tokens; remove it for new ones")
    return Access(project_id, token, guest)


def address(scheme: str, host: str, port: int, token: str) -> str:
    """Return the address that a person opens.

    >>> address("http", "::1", 8000, "abc")
    'http://[::1]:8000/?token=abc'
    """
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}/?{urlencode({'token': token})}"


def _write_privately(path: Path, data: bytes) -> None:
    """Put a file in its place that nobody else could ever read."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)
