"""Broken recordings of every format cost one BadInput each: no other error, no hang, no memory."""

import bz2
import gzip
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import BadInput
from cryobatch.formats.gain import read_gain
from cryobatch.formats.movie import inspect_recording, open_movie
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

FRAMES = np.random.default_rng(12).integers(0, 9, (4, 20, 30)).astype(np.uint16)
FORMATS = ("a.mrc", "a.mrc.gz", "a.mrc.bz2", "lzw.tif", "deflate.tif", "plain.tif", "a.eer")
MOST_MEGABYTES = 256


class Recordings(dict[str, bytes]):
    """Good recordings by name; a failing test does not print them."""

    def __repr__(self) -> str:
        return "the good recordings"


def make_recordings(folder: Path) -> dict[str, bytes]:
    """Return a good recording of each format."""
    made = {"a.mrc": write_mrc(folder / "a.mrc", FRAMES).read_bytes()}
    made["a.mrc.gz"] = gzip.compress(made["a.mrc"])
    made["a.mrc.bz2"] = bz2.compress(made["a.mrc"])
    for name, compression in {"lzw": "lzw", "deflate": "zlib", "plain": None}.items():
        made[f"{name}.tif"] = write_tiff(folder / f"{name}.tif", FRAMES, compression).read_bytes()
    events = make_events(6, (20, 30), 20)
    metadata = {"exposureTime": "1"}
    made["a.eer"] = write_eer(folder / "a.eer", events, (20, 30), metadata=metadata).read_bytes()
    return made


def read_all(path: Path) -> None:
    """Read every frame of a recording."""
    with open_movie(path) as movie:
        for index in range(movie.shape[0]):
            assert movie.raw_frame(index).shape == movie.shape[1:]


def survives(read: Callable[[Path], object], path: Path) -> bool:
    """Tell whether a file was read; False when it was refused by name, with what to do."""
    try:
        read(path)
    except BadInput as error:
        text = str(error)
        if path.name not in text or len(text) < len(str(path)) + 10:
            raise AssertionError(f"says too little: {text}") from error
        return False
    return True


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Good recordings, made once."""
    return Recordings(make_recordings(tmp_path_factory.mktemp("good")))


@pytest.mark.parametrize("name", FORMATS)
def test_good_recordings_are_read(tmp_path: Path, recordings: Recordings, name: str) -> None:
    """What the other tests break is sound before."""
    path = tmp_path / name
    path.write_bytes(recordings[name])
    assert survives(inspect_recording, path)
    assert survives(read_all, path)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=40)
def test_truncated_recordings_are_refused(
    scratch: Path,
    recordings: Recordings,
    name: str,
    data: st.DataObject,
) -> None:
    """A file that ends anywhere before its last pixel is refused when its frames are read."""
    whole = recordings[name]
    # What stands behind the pixels (a list of pages, a checksum) may not matter to them.
    kept = data.draw(st.integers(0, len(whole) * 2 // 3))
    path = scratch / f"truncated_{name}"
    path.write_bytes(whole[:kept])
    survives(inspect_recording, path)
    assert not survives(read_all, path)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=60)
def test_flipped_bits_never_break_the_reader(
    scratch: Path,
    recordings: Recordings,
    name: str,
    data: st.DataObject,
) -> None:
    """Flipped bits and overwritten bytes give a recording or BadInput, with little memory."""
    content = bytearray(recordings[name])
    for bit in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=3)):
        content[bit // 8] ^= 1 << bit % 8
    place = data.draw(st.integers(0, len(content) - 1))
    for offset, byte in enumerate(data.draw(st.binary(max_size=8))):
        if place + offset < len(content):
            content[place + offset] = byte
    path = scratch / f"flipped_{name}"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        survives(inspect_recording, path)
        survives(read_all, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEGABYTES << 20


@pytest.mark.parametrize("name", [*FORMATS, "a.gain"])
@given(content=st.binary(max_size=3000))
@settings(max_examples=25)
def test_any_bytes_are_refused(scratch: Path, name: str, content: bytes) -> None:
    """An empty file, and one of anything else, is refused by name."""
    path = scratch / f"any_{name}"
    path.write_bytes(content)
    assert not survives(read_gain if name.endswith(".gain") else read_all, path)


@pytest.mark.parametrize("name", FORMATS)
def test_vanished_folders_pipes_and_forbidden_files_are_refused(
    tmp_path: Path, recordings: Recordings, name: str
) -> None:
    """What cannot be read is refused at once: a pipe is not waited for."""
    assert not survives(inspect_recording, tmp_path / name)
    (tmp_path / name).mkdir()
    assert not survives(inspect_recording, tmp_path / name)
    pipe = tmp_path / f"pipe_{name}"
    os.mkfifo(pipe)
    assert not survives(inspect_recording, pipe)
    forbidden = tmp_path / f"forbidden_{name}"
    forbidden.write_bytes(recordings[name])
    forbidden.chmod(0)
    # The superuser may read what is forbidden to all.
    assert survives(inspect_recording, forbidden) == os.access(forbidden, os.R_OK)


def test_a_link_that_leads_nowhere_says_where_it_leads(tmp_path: Path) -> None:
    """Linked recordings break when a disk is away: the place that is missing is named."""
    link = tmp_path / "a.mrc"
    link.symlink_to(tmp_path / "unmounted" / "a.mrc")
    with pytest.raises(BadInput, match=r"it links to .*unmounted/a.mrc, which is not there; put"):
        inspect_recording(link)


@pytest.mark.parametrize("name", ["lzw.tif", "deflate.tif", "plain.tif", "a.eer"])
def test_claims_of_huge_frames_are_refused_before_memory_is_taken(
    tmp_path: Path, recordings: Recordings, name: str
) -> None:
    """A header that claims 30,000 x 30,000 pixels is believed only by the bytes that are there."""
    path = tmp_path / name
    path.write_bytes(recordings[name])
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                page.tags[tag].overwrite(30_000)
    tracemalloc.start()
    try:
        assert not survives(inspect_recording, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEGABYTES << 20


def test_a_compressed_header_cannot_make_us_take_memory(tmp_path: Path) -> None:
    """A small archive that claims a large frame is read in pieces, and ends where it ends."""
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, 30_000, 30_000, 1, 2)
    path = tmp_path / "a.mrc.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(1000)))
    tracemalloc.start()
    try:
        assert not survives(read_all, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEGABYTES << 20


def test_a_list_of_pages_that_bites_its_tail_ends(tmp_path: Path, recordings: Recordings) -> None:
    """A TIFF whose last page names an earlier one as the next is not read for ever."""
    content = bytearray(recordings["plain.tif"])
    first = struct.unpack_from("<I", content, 4)[0]
    place = first
    for _ in range(2):
        entries = struct.unpack_from("<H", content, place)[0]
        link = place + 2 + 12 * entries
        place = struct.unpack_from("<I", content, link)[0]
    struct.pack_into("<I", content, link, first)
    path = tmp_path / "loop.tif"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="no end"):
        inspect_recording(path)


@pytest.mark.parametrize("name", ["plain.tif", "a.eer"])
def test_a_broken_list_of_pages_is_not_a_shorter_movie(
    tmp_path: Path, recordings: Recordings, name: str
) -> None:
    """A file that ends at its last page's header is refused, not read without its last frame."""
    path = tmp_path / name
    path.write_bytes(recordings[name])
    with tifffile.TiffFile(path) as file:
        last = file.pages[-1].offset
    path.write_bytes(recordings[name][:last])
    with pytest.raises(BadInput, match="leads out of the file"):
        inspect_recording(path)
