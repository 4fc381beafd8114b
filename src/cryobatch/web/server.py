"""The web interface's own process: serves one project until it is told to end.

A process of its own costs the daemon's loop no time, and what goes wrong here stops no batch.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import uvicorn

from cryobatch.errors import CryobatchError
from cryobatch.imaging.memory import share_freed_memory
from cryobatch.project import Project
from cryobatch.web.app import make_app
from cryobatch.web.auth import open_access
from cryobatch.web.process import is_loopback

GRACE_S = 2


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the daemon says.

    Args:
        project: The project's folder.
        host: Where to listen.
        certificate: TLS certificate, a PEM file; None: no TLS.
        key: Its key.
        listener: The listening socket, which the daemon has opened.
        lifeline: Ends when the daemon does.
    """

    project: str
    host: str
    certificate: str | None
    key: str | None
    listener: int
    lifeline: int


def read_arguments(texts: Sequence[str]) -> Arguments:
    """Read the command line that ``process`` writes."""
    parser = argparse.ArgumentParser(prog="cryobatch.web.server")
    parser.add_argument("project")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    return Arguments(**vars(parser.parse_args(texts)))


def serve(arguments: Arguments) -> None:
    """Serve until SIGTERM, or until the daemon's end of the lifeline is closed."""
    with Project.open(arguments.project) as project:
        access = open_access(project.place.state, project.settings.id)
        app = make_app(project, access, local_only=is_loopback(arguments.host))
        server = uvicorn.Server(uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", ws="none",
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=arguments.certificate, ssl_keyfile=arguments.key,
        ))  # fmt: skip
        threading.Thread(target=_follow, args=(arguments.lifeline, server), daemon=True).start()
        listener = socket.socket(fileno=arguments.listener)
        server.run(sockets=[listener])


def _follow(lifeline: int, server: uvicorn.Server) -> None:
    """End the server when the daemon has ended, however it did."""
    with contextlib.suppress(OSError):
        os.read(lifeline, 1)
    server.should_exit = True


def main() -> None:
    """Serve; a signal for the daemon's terminal is the daemon's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    share_freed_memory()
    try:
        serve(read_arguments(sys.argv[1:]))
    except CryobatchError as error:
        print(f"the web interface: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
