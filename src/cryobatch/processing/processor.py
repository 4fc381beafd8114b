"""A processor's process: persistent, so that numpy is imported once and not once a script."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from cryobatch.model.script import script_from_json
from cryobatch.processing.orders import order_from_json, setup_from_json
from cryobatch.processing.runner import Runner
from cryobatch.processing.wire import read_words, write_report

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of what a script's programs leave behind, so that it can be ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def serve(connection: Connection) -> None:
    """Work through batches as they are ordered, until the daemon's end of the pipe is closed."""

    def send(message: Mapping[str, Any]) -> None:
        connection.send_bytes(write_report(message))

    def receive() -> Mapping[str, Any]:
        return read_words(connection.recv_bytes())

    setup = setup_from_json(receive()["setup"])
    scripts = {script.name: script for script in map(script_from_json, setup.scripts)}
    runner = Runner(setup, scripts, send, receive)
    send({"event": "up"})
    while True:
        message = receive()
        if message["do"] == "run":
            runner.run_batch(order_from_json(message["order"]))


def main() -> None:
    """Serve on the given file descriptor."""
    # The daemon decides when a processor ends; a Ctrl-C in its terminal is the daemon's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    connection = Connection(int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    try:
        serve(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os.killpg(0, signal.SIGKILL)  # without a daemon nothing of this group may go on


if __name__ == "__main__":
    main()
