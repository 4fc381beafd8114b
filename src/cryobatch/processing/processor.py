"""A processor's process: persistent, so that numpy is imported once and not once a script."""

import ctypes
import os
import signal
import socket
import sys
from collections import deque

from cryobatch.model.script import script_from_json
from cryobatch.processing.orders import order_from_json, setup_from_json
from cryobatch.processing.processors import Message
from cryobatch.processing.runner import Runner
from cryobatch.processing.tray import Permits
from cryobatch.processing.wire import Wire, write_report

PR_SET_CHILD_SUBREAPER = 36
NICENESS = 5
"""So much later than others a processor gets a core: the import and the pages come first."""
_SESSION_NICENESS = "/proc/self/autogroup"


def adopt_orphans() -> None:
    """Become the parent of what a script's programs leave behind, so that it can be ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def give_way() -> bool:
    """Let this session come later than others; False when the kernel asks to come again.

    A desktop's kernel shares the cores among sessions, and a processor is one of its own: the
    niceness of its processes counts within it alone.
    """
    try:
        with open(_SESSION_NICENESS, "wb", buffering=0) as file:  # noqa: PTH123 - not of ours
            file.write(b"%d" % NICENESS)
    except BlockingIOError:
        return False  # it was told so of another session a moment ago
    except OSError:
        return True  # it does not share them so
    return True


def serve(wire: Wire, permits: Permits) -> None:
    """Work through batches as they are ordered, until the daemon's end of the wire is closed."""
    handed: deque[Message] = deque()
    batch: int | None = None

    def send(message: Message) -> None:
        wire.send(write_report({**message, "batch": batch}))

    def receive() -> Message:
        """Return the answer that a batch waits for; orders for other batches come later."""
        while (message := wire.receive())["do"] == "run":
            handed.append(message)
        return message

    setup = setup_from_json(wire.receive()["setup"])
    scripts = {script.name: script for script in map(script_from_json, setup.scripts)}
    runner = Runner(setup, scripts, send, receive)
    send({"event": "up"})
    gives_way = False
    while True:
        gives_way = gives_way or give_way()
        message = handed.popleft() if handed else wire.receive()
        if message["do"] == "run" and permits.allows(message["number"]):
            order = order_from_json(message["order"])
            batch = order.batch
            runner.run_batch(order)


def main() -> None:
    """Serve on the given file descriptors: the wire's and the tray's."""
    # The daemon decides when a processor ends; a Ctrl-C in its terminal is the daemon's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    os.nice(NICENESS)
    end, tray = (int(descriptor) for descriptor in sys.argv[1:])
    os.set_inheritable(end, False)
    os.set_inheritable(tray, False)
    try:
        serve(Wire(socket.socket(fileno=end)), Permits(tray))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os.killpg(0, signal.SIGKILL)  # without a daemon nothing of this group may go on


if __name__ == "__main__":
    main()
