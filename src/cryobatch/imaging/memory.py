"""Keep the memory of freed arrays for the next ones.

An array larger than some megabytes is usually given back to the system when it is freed, and the
next one of its size is made of fresh pages, each set to zero and mapped one by one. A processor
that corrects movies did little else for a third of its time (4 of 12 seconds for a movie of 32
frames of 4096 x 4096 pixels). The C library can be told to keep what is freed (mallopt(3)).
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = (1 << 31) - 1
_LARGEST_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Let this process use the memory of freed arrays again, up to 2 GB, instead of new pages.

    Where the C library is not glibc, nothing happens: only time is lost.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    set_option(_TRIM_THRESHOLD, _KEPT_BYTES)
    set_option(_MMAP_THRESHOLD, _LARGEST_BYTES)
    # Each thread's own arena would keep memory that the others cannot use.
    set_option(_ARENA_MAX, 1)
