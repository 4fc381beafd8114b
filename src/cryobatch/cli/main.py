"""The command ``cryobatch``: finds the command that is meant, and ends with the right code."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from cryobatch.cli.app import app
from cryobatch.cli.arguments import normalise
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import CryobatchError, UsageError

FAILED = 1
WRONG_USAGE = 2


def main() -> NoReturn:
    """Run one command.

    Exit codes: 0 done, 1 something failed (and what), 2 wrong usage, 130 interrupted.
    """
    signal.signal(signal.SIGINT, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        # An odd file name, or a terminal without the letter Å, must not end a command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text file
    try:
        app(args=normalise(sys.argv[1:]), prog_name="cryobatch")
    except UsageError as error:
        _fail(error, WRONG_USAGE)
    except CryobatchError as error:
        _fail(error, FAILED)
    sys.exit(0)


def _fail(error: Exception, code: int) -> NoReturn:
    tell_trouble(str(error))
    sys.exit(code)


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
