"""Completeness: a proof is given only for what is whole, whatever the bytes are."""

import bz2
import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.importing.completeness import Proof, ProofState, prove
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

FRAMES = np.random.default_rng(3).integers(0, 200, (3, 20, 30)).astype(np.uint16)
PROVABLE = ("a.mrc", "b.mrc.gz", "lzw.tif", "plain.tif", "big.tif", "motorola.tif", "strips.tif",
            "tiles.tif", "a.eer")  # fmt: skip


def make_recordings(folder: Path) -> dict[str, bytes]:
    """Return a whole recording of each kind by name."""
    folder.mkdir(exist_ok=True)
    made = {"a.mrc": write_mrc(folder / "a.mrc", FRAMES)}
    ways: dict[str, dict[str, Any]] = {  # of many types
        "lzw": {},
        "plain": {"compression": None},
        "motorola": {"order": ">"},
        "strips": {"compression": None, "rowsperstrip": 1},
        "tiles": {"compression": None, "tile": (16, 16)},
    }
    for name, how in ways.items():
        made[f"{name}.tif"] = write_tiff(folder / f"{name}.tif", FRAMES, **how)
    made["a.eer"] = write_eer(folder / "a.eer", make_events(5, (20, 30), 20), (20, 30),
                              metadata={"numberOfFrames": "5"})  # fmt: skip
    made["big.tif"] = folder / "big.tif"
    with tifffile.TiffWriter(made["big.tif"], bigtiff=True) as file:
        for frame in FRAMES:
            file.write(frame, contiguous=False, rowsperstrip=8)
    contents = {name: path.read_bytes() for name, path in made.items()}
    contents["b.mrc.gz"] = gzip.compress(contents["a.mrc"])
    return contents


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Whole recordings, made once."""
    return make_recordings(tmp_path_factory.mktemp("whole"))


def prove_bytes(path: Path, content: bytes, expected_frames: int | None = None) -> Proof:
    """Return the proof for a file with this content."""
    path.write_bytes(content)
    return prove(path, expected_frames=expected_frames)


@pytest.mark.parametrize("name", PROVABLE)
def test_whole_recordings_are_proven(
    tmp_path: Path, recordings: dict[str, bytes], name: str
) -> None:
    """A whole recording of each format is proven, and nothing is said against it."""
    assert prove_bytes(tmp_path / name, recordings[name]) == Proof(ProofState.COMPLETE)


@pytest.mark.parametrize("name", PROVABLE)
def test_no_part_of_a_recording_is_proven(
    tmp_path: Path, recordings: dict[str, bytes], name: str
) -> None:
    """Wherever the writing stops, the file is not proven, and the reason says something."""
    path = tmp_path / name
    path.write_bytes(recordings[name])
    step = 1 if len(recordings[name]) < 5000 else 7
    for size in range(len(recordings[name]) - 1, -1, -step):
        os.truncate(path, size)
        proof = prove(path)
        assert proof.state is not ProofState.COMPLETE, size
        assert proof.reason


@pytest.mark.parametrize("name", ["a.mrc", "lzw.tif", "plain.tif", "a.eer"])
def test_room_that_was_set_aside_is_not_proven(
    tmp_path: Path, recordings: dict[str, bytes], name: str
) -> None:
    """A copy that has its full size from the start is not taken before it is filled."""
    whole = recordings[name]
    for size in range(0, len(whole) - 4096, 97):
        path = tmp_path / name
        path.write_bytes(whole[:size] + bytes(len(whole) - size))
        assert prove(path).state is not ProofState.COMPLETE, size


def test_holes_are_not_proven(tmp_path: Path) -> None:
    """A file of which the middle was not written yet is not proven, where the system tells."""
    path = write_mrc(tmp_path / "a.mrc", np.ones((4, 512, 512), np.int8))
    content = path.read_bytes()
    with path.open("wb") as file:
        os.pwrite(file.fileno(), content[: 1 << 18], 0)
        os.pwrite(file.fileno(), content[3 << 18 :], 3 << 18)
        tells = os.lseek(file.fileno(), 0, os.SEEK_HOLE) < len(content)
    proof = prove(path)
    assert (proof.state is ProofState.UNPROVEN) == tells
    if tells:
        assert "nothing was written at byte" in proof.reason


def test_pages_that_are_being_added_are_seen(tmp_path: Path, recordings: dict[str, bytes]) -> None:
    """Pixels behind the last page belong to a page that is still to come."""
    proof = prove_bytes(tmp_path / "a.tif", recordings["plain.tif"] + bytes(3000))
    assert proof.state is ProofState.UNPROVEN
    assert "3000 bytes" in proof.reason
    proof = prove_bytes(tmp_path / "a.mrc", recordings["a.mrc"] + bytes(3000))
    assert proof.state is ProofState.INCOMPLETE
    assert "3000 bytes more" in proof.reason


@pytest.mark.parametrize("name", PROVABLE)
def test_fewer_frames_than_stated_are_unproven(
    tmp_path: Path, recordings: dict[str, bytes], name: str
) -> None:
    """A short movie may be one that was stopped, or one to which frames are added."""
    frames = 5 if name == "a.eer" else 3
    proof = prove_bytes(tmp_path / name, recordings[name], expected_frames=50)
    assert proof == Proof(ProofState.UNPROVEN, f"{frames} of 50 frames are there")
    for expected in (frames, 1):
        proof = prove_bytes(tmp_path / name, recordings[name], expected_frames=expected)
        assert proof.state is ProofState.COMPLETE


def test_frames_that_an_eer_states_itself_count(tmp_path: Path) -> None:
    """An EER with fewer frames than its own header says is unproven."""
    path = write_eer(tmp_path / "a.eer", make_events(4, (8, 8), 3), (8, 8),
                     metadata={"numberOfFrames": "9"})  # fmt: skip
    assert prove(path) == Proof(ProofState.UNPROVEN, "4 of 9 frames are there")


def test_bzip2_shows_its_end_only(tmp_path: Path, recordings: dict[str, bytes]) -> None:
    """Without its end mark a bzip2 file is incomplete, with it unproven: more streams may come."""
    packed = bz2.compress(recordings["a.mrc"])
    path = tmp_path / "a.mrc.bz2"
    assert prove_bytes(path, packed).state is ProofState.UNPROVEN
    assert prove_bytes(path, packed[:-6]).state is ProofState.INCOMPLETE


def test_other_files_are_unproven(tmp_path: Path) -> None:
    """What is no recording is neither proven nor called broken."""
    assert prove_bytes(tmp_path / "a.gain", b"abc").state is ProofState.UNPROVEN


def test_what_cannot_be_read_is_incomplete(tmp_path: Path) -> None:
    """A vanished file, a folder and a pipe are incomplete, with the reason, at once."""
    os.mkfifo(tmp_path / "pipe.mrc")
    (tmp_path / "folder.tif").mkdir()
    for name in ("gone.mrc", "pipe.mrc", "folder.tif"):
        proof = prove(tmp_path / name)
        assert proof.state is ProofState.INCOMPLETE
        assert proof.reason
        assert str(tmp_path) not in proof.reason


@pytest.mark.parametrize("name", [*PROVABLE, "a.mrc.bz2"])
@given(content=st.binary(max_size=3000))
@settings(max_examples=40)
def test_any_bytes_give_an_answer(scratch: Path, name: str, content: bytes) -> None:
    """Whatever a file holds, there is an answer and no error."""
    path = scratch / name
    assert isinstance(prove_bytes(path, content), Proof)


@pytest.mark.parametrize("name", PROVABLE)
@given(data=st.data())
@settings(max_examples=60)
def test_flipped_bits_give_an_answer(
    scratch: Path,
    recordings: dict[str, bytes],
    name: str,
    data: st.DataObject,
) -> None:
    """A damaged recording gives an answer and no error."""
    content = bytearray(recordings[name])
    for bit in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=4)):
        content[bit // 8] ^= 1 << bit % 8
    place = data.draw(st.integers(0, len(content) - 1))
    new = data.draw(st.binary(max_size=8))
    content[place : place + len(new)] = new
    assert isinstance(prove_bytes(scratch / name, bytes(content)), Proof)
