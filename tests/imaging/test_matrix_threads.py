"""Matrices are multiplied by the thread that asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORK = """
import os
import numpy as np
import scipy.linalg
from cryobatch.imaging.matrix_threads import keep_matrices_to_one_thread

def nanoseconds_of_others():
    others = set(os.listdir("/proc/self/task")) - {str(os.getpid())}
    return sum(int(open(f"/proc/self/task/{one}/schedstat").read().split()[0]) for one in others)

keep_matrices_to_one_thread()
before = nanoseconds_of_others()
one = np.ones((700, 700))
scipy.linalg.cho_factor(one @ one + 490_000 * np.eye(700))
print(nanoseconds_of_others() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs Linux's schedstat")
def test_no_other_thread_works_on_a_product() -> None:
    """Threads that OpenBLAS has started stay asleep when matrices are multiplied and factored."""
    several = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", WORK], env=several, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1_000_000, "nanoseconds of other threads"
