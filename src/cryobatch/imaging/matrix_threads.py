"""Let whoever multiplies matrices do it alone.

OpenBLAS, which NumPy and SciPy bring along, shares products of a hundred rows out over threads that
wait for each other at full speed: on a busy machine 10 ms of processors for 0.05 ms of work, some
hundred times a movie where shifts of all frames are solved for. No product here is large enough to
gain by it. What the environment says (OPENBLAS_NUM_THREADS) is read too early for us to set.
"""

import ctypes
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_SETTERS = tuple(
    f"{before}openblas_set_num_threads{after}" for before in ("", "scipy_") for after in ("", "64_")
)


def keep_matrices_to_one_thread() -> None:
    """Have every OpenBLAS that this process has loaded work in its caller's thread.

    Where there is none, or none can be found, nothing happens: only time is lost.
    """
    try:
        lines = _MAPS.read_text().splitlines()
    except OSError:
        return
    paths = {line.split(maxsplit=5)[5] for line in lines if "openblas" in line}
    for path in sorted(paths):
        try:
            library = ctypes.CDLL(path)
        except OSError:  # replaced by an update since it was loaded
            continue
        for name in _SETTERS:
            if hasattr(library, name):
                getattr(library, name)(1)
