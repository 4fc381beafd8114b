"""See whether another program has a file open for writing."""

import contextlib
import fcntl
import os
import signal
from pathlib import Path


def is_being_written(path: Path) -> bool:
    """Tell whether some program has a file open for writing; False where nobody can tell.

    Linux grants a read lease only on a file that nobody has open for writing (fcntl(2), Leases).
    It does so for our own files, or with CAP_LEASE, on local file systems; elsewhere it refuses
    for other reasons, which tell nothing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Who opens it for writing at this moment waits for us and has us sent a signal, by
        # default SIGIO, which would end the process. SIGURG is ignored by default.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(descriptor)
