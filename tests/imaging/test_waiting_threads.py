"""Threads of compiled loops do not wait at full speed."""

import os
import subprocess
import sys

import pytest

SAY_POLICY = "import os, cryobatch.imaging.resample; print(os.environ['OMP_WAIT_POLICY'])"


@pytest.mark.parametrize(("own", "policy"), [({}, "passive"), ({"OMP_WAIT_POLICY": "x"}, "x")])
def test_threads_sleep_unless_told_otherwise(own: dict[str, str], policy: str) -> None:
    """A person's own policy is kept."""
    usual = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    said = subprocess.run(
        [sys.executable, "-c", SAY_POLICY], env=usual | own, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    assert said.stdout.strip() == policy
