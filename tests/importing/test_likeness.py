"""A file that is no recording is told by what it is, and one that may become a recording is not."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cryobatch.importing.completeness import Proof, ProofState, prove
from tests.recording_files import write_mrc


def written(path: Path, content: bytes) -> Path:
    """Write a file."""
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tif", b"a note of some length", "text"),
        ("a.eer", b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (
            "a.tiff",
            gzip.compress(bytes(100), mtime=0),
            "compressed by gzip, which its name does not say",
        ),
        ("a.mrc", b"<?xml version='1.0'?><a/>" * 50, "text"),
        ("a.mrc", b"II*\x00" + bytes(2000), "a TIFF file"),
        ("a.tif", bytes([1, 2, 200]) * 40, "something else"),
    ],
)
def test_other_files_are_told_by_their_kind(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    """They are unfit, not incomplete."""
    kind = {"mrc": "MRC", "eer": "EER"}.get(name.partition(".")[2], "TIFF")
    proof = prove(written(tmp_path / name, content))
    assert proof == Proof(ProofState.UNFIT, f"it is no {kind} file, but {words}")


def test_an_mrc_file_with_the_wrong_ending_is_known(tmp_path: Path) -> None:
    """And a TIFF file as well."""
    frames = np.ones((2, 16, 16), np.int16)
    tifffile.imwrite(tmp_path / "b.mrc", frames)
    write_mrc(tmp_path / "a.mrc", frames).rename(tmp_path / "a.tif")
    assert "an MRC file" in prove(tmp_path / "a.tif").reason
    assert "a TIFF file" in prove(tmp_path / "b.mrc").reason


@pytest.mark.parametrize("content", [b"", b"II", bytes(16), bytes(5000)])
@pytest.mark.parametrize("ending", ["tif", "eer", "mrc"])
def test_what_is_not_written_yet_may_become_a_recording(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    """Nothing, a first byte or two, and room that was set aside."""
    assert prove(written(tmp_path / f"a.{ending}", content)).state is ProofState.INCOMPLETE
