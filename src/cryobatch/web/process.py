"""The web interface as a process that the daemon starts, looks after and ends."""

import contextlib
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import ProjectError, UsageError
from cryobatch.project import Project
from cryobatch.web.auth import address, open_access

DEFAULT_PORT = 8642
TRIED_PORTS = 20
LAST_PORT = 65_535
STOP_S = 5.0
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the web interface listens.

    Args:
        host: Name or address; loopback unless a person wants it otherwise.
        port: Port; None: the first free one from ``DEFAULT_PORT`` on; 0: any free one.
        certificate: TLS certificate, a PEM file; None: no TLS.
        key: Its key, a PEM file.
        insecure: Whether others may reach it without TLS.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False

    def check(self) -> None:
        """See that nobody is let in unprotected by mistake.

        Raises:
            UsageError: It is; the text says what is missing.
        """
        if (self.certificate is None) != (self.key is None):
            raise UsageError("TLS needs both: --certificate FILE and --key FILE")
        for path in (self.certificate, self.key):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: there is no such file")
        if self.certificate is not None and self.key is not None:
            _check_certificate(self.certificate, self.key)
        if self.port is not None and not 0 <= self.port <= LAST_PORT:
            raise UsageError(f"--port {self.port}: a port is a number from 0 to {LAST_PORT}")
        if not is_loopback(self.host) and self.certificate is None and not self.insecure:
            raise UsageError(
                f"--host {self.host} lets other machines in, and the token would travel open: "
                "give --certificate and --key, or --insecure where the network is trusted, or "
                "reach this machine through ssh (ssh -L 8642:localhost:8642)"
            )

    @property
    def scheme(self) -> str:
        """Return "https" or "http"."""
        return "http" if self.certificate is None else "https"


def _check_certificate(certificate: Path, key: Path) -> None:
    """See whether TLS can be served with two files.

    Raises:
        UsageError: It cannot; the text says why.
    """
    import ssl  # few serve with TLS, and all others would wait for it

    try:
        # An empty password: nobody would answer at a terminal that belongs to the daemon.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise UsageError(
            f"{certificate} and {key} are no certificate and its key ({error}): give two PEM "
            "files that belong together, the key without a password"
        ) from error


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class WebProcess:
    """The web interface of one project.

    Args:
        project: The project.
        settings: Where it listens.
        clock: Gives seconds.
    """

    project: Project
    settings: WebSettings
    clock: Callable[[], float] = time.monotonic
    _listener: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None
    _lifeline: int = -1
    _started_at: float = 0.0
    _pause_s: float = field(default=1.0)

    def start(self) -> str:
        """Start it; returns the address that a person opens, with the token.

        Raises:
            ProjectError: The port cannot be had.
        """
        # Tokens and socket are made here: the address holds before anything answers, and a process
        # that is started again listens at the same place.
        access = open_access(self.project.place.state, self.project.settings.id)
        self._listener = listen(self.settings)
        self._spawn()
        port = self._listener.getsockname()[1]
        host = self.settings.host
        shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104
        return address(self.settings.scheme, shown, port, access.token)

    def look_after(self) -> None:
        """Start it again when it has died, after a pause that grows."""
        process, now = self._process, self.clock()
        if process is None or process.poll() is None or now < self._started_at + self._pause_s:
            return
        lived = now - self._started_at
        self._pause_s = 1.0 if lived > LONGEST_PAUSE_S else min(self._pause_s * 2, LONGEST_PAUSE_S)
        self.project.log.write(f"the web interface ended with {process.returncode}; it begins anew")
        self._close_lifeline()
        self._spawn()

    def stop(self) -> None:
        """End it."""
        self._close_lifeline()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._listener is not None:
            self._listener.close()

    def _spawn(self) -> None:
        assert self._listener is not None
        reader, self._lifeline = os.pipe()
        number, place = self._listener.fileno(), self.project.place.folder
        command = [
            sys.executable, "-m", "cryobatch.web.server", str(place.resolve()),
            "--host", self.settings.host,
            "--listener", str(number), "--lifeline", str(reader),
        ]  # fmt: skip
        if self.settings.certificate is not None and self.settings.key is not None:
            command += ["--certificate", str(self.settings.certificate.resolve()),
                        "--key", str(self.settings.key.resolve())]  # fmt: skip
        try:
            # A session of its own: Ctrl-C at the terminal is for the daemon, which then ends us.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=(number, reader), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(reader)
        self._started_at = self.clock()

    def _close_lifeline(self) -> None:
        if self._lifeline >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lifeline)
            self._lifeline = -1


def listen(settings: WebSettings) -> socket.socket:
    """Return a socket that listens where the settings say.

    Raises:
        ProjectError: The place cannot be had; the text says why.
    """
    ports = [settings.port]
    if settings.port is None:
        ports = [*range(DEFAULT_PORT, DEFAULT_PORT + TRIED_PORTS), 0]
    problem: OSError | None = None
    for port in ports:
        try:
            family, _, _, _, place = socket.getaddrinfo(
                settings.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            return socket.create_server(place[:2], family=family, backlog=128)
        except OSError as error:
            problem = error
    raise ProjectError(
        f"the web interface cannot listen at {settings.host} port {settings.port}: "
        f"{problem and problem.strerror}; choose another with --port, or none with --no-web"
    )
