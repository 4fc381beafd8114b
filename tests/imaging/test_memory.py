"""Memory of freed arrays is used again."""

import subprocess
import sys

import pytest

MAKE_ARRAYS = """
import resource, sys
import numpy as np
from cryobatch.imaging.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
pages = []
for number in range(11):
    arrays = [np.full(1 << 23, number, np.float32) for _ in range(2)]
    del arrays
    pages.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(pages[-1] - pages[0])
"""


def fresh_pages(how: str) -> int:
    """Return how many pages a process maps to make large arrays again and again."""
    command = [sys.executable, "-c", MAKE_ARRAYS, how]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return int(said.stdout)


def test_later_arrays_take_no_new_pages() -> None:
    """After the first arrays, others of their size map next to no page (else, each all of its)."""
    if fresh_pages("usual") < 200:
        pytest.skip("this C library keeps freed memory anyway")
    assert fresh_pages("kept") < 20
