"""A session is replayed as a person does it, and each complete recording comes in once."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.replayed_session import write_session
from tests.recording_files import write_mrc

PLAYED = 25


def test_a_replayed_session_is_imported_once(tmp_path: Path) -> None:
    """With files out of order, in pieces, renamed, with wrong clocks; the source is only read.

    A gain reference among them is no recording, and nobody waits for its image.
    """
    write_session(tmp_path / "source", PLAYED)
    ones = np.ones((1, 16, 16), dtype=np.float32)
    write_mrc(tmp_path / "source" / "Gain_reference.mrc", ones)
    before = {path: path.read_bytes() for path in (tmp_path / "source").rglob("*.*")}
    command = [
        sys.executable, "-m", "cryobatch.cli.main", "demo", "--folder", str(tmp_path / "demo"),
        "--replay", str(tmp_path / "source"), "--interval", "0.02", "--processors", "1",
        "--seed", "1",
    ]  # fmt: skip
    finished = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "0 missing, 0 too many" in finished.stdout
    assert {path: path.read_bytes() for path in (tmp_path / "source").rglob("*.*")} == before


def test_a_folder_without_recordings_is_no_session(tmp_path: Path) -> None:
    """It is said, and no project is made."""
    (tmp_path / "source").mkdir()
    command = [
        sys.executable, "-m", "cryobatch.cli.main", "demo", "--folder", str(tmp_path / "demo"),
        "--replay", str(tmp_path / "source"),
    ]  # fmt: skip
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 2
    assert "no recording" in finished.stderr
    assert not (tmp_path / "demo").exists()
