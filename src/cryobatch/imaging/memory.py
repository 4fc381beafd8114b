"""Keep the memory of freed arrays for the next ones.

An array larger than some megabytes is usually given back to the system when it is freed, and the
next one of its size is made of fresh pages, each set to zero and mapped one by one. A processor
that corrects movies did little else for a third of its time (4 of 12 seconds for a movie of 32
frames of 4096 x 4096 pixels). The C library can be told to keep what is freed (mallopt(3)).
"""

import ctypes
from collections.abc import Mapping

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = (1 << 31) - 1
_LARGEST_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Let this process use the memory of freed arrays again, up to 2 GB, instead of new pages.

    Where the C library is not glibc, nothing happens: only time is lost.
    """
    _set_options({_TRIM_THRESHOLD: _KEPT_BYTES, _MMAP_THRESHOLD: _LARGEST_BYTES})
    share_freed_memory()


def share_freed_memory() -> None:
    """Let all threads use the same memory: each one's own would be lost to the others.

    A web server of many threads that answer with large tables needs a third less by this.
    """
    _set_options({_ARENA_MAX: 1})


def _set_options(options: Mapping[int, int]) -> None:
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    for option, value in options.items():
        set_option(option, value)
