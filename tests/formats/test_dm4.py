"""DM3 and DM4 files, which Gatan's gain references are: read right, or refused."""

import math
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import BadInput
from cryobatch.formats.dm4 import dm4_shape, read_dm4
from cryobatch.formats.gain import read_gain
from tests.dm_files import write_dm
from tests.recording_files import write_tiff

IMAGE = np.random.default_rng(8).random((12, 20)).astype(np.float32) + 0.5


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("kind", ["float32", "int16", "uint16", "int32", "uint8"])
def test_the_image_is_read_and_not_its_thumbnail(tmp_path: Path, version: int, kind: str) -> None:
    """Every number type of both versions is read, whatever other tags there are."""
    image = (IMAGE * 100).astype(kind)
    read = read_dm4(write_dm(tmp_path / f"gain.dm{version}", image, version))
    assert read.dtype == image.dtype
    assert dm4_shape(tmp_path / f"gain.dm{version}") == image.shape
    np.testing.assert_array_equal(read, image)


def test_a_gain_is_the_same_as_dm4_and_as_tiff(tmp_path: Path) -> None:
    """Both count rows from the top: one gain reference fits the same movies in both formats."""
    gatan = read_gain(write_dm(tmp_path / "gain.dm4", IMAGE))
    tiff = read_gain(write_tiff(tmp_path / "gain.tif", IMAGE[np.newaxis], None))
    np.testing.assert_array_equal(gatan, tiff)
    with pytest.raises(BadInput, match="above 0"):
        read_gain(write_dm(tmp_path / "zero.dm4", IMAGE * 0))


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    """A file that ends anywhere before its last pixel is refused by name."""
    path = write_dm(tmp_path / "gain.dm4", IMAGE)
    content = path.read_bytes()
    end = content.index(IMAGE[::-1].tobytes()) + IMAGE.nbytes
    for size in range(0, end, 3):
        os.truncate(path, size)
        with pytest.raises(BadInput, match=r"gain\.dm4"):
            read_dm4(path)
        path.write_bytes(content)


def test_other_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    """No DM file, one in big endian, a folder, one with tags in each other without end."""
    path = tmp_path / "a.dm4"
    head = struct.pack(">iqi", 4, 100, 1)
    deep = struct.pack(">2Bq", 1, 0, 1) + struct.pack(">BHq", 20, 0, 0)
    for content, why in {
        b"x" * 100: "no DM3 or DM4",
        struct.pack(">iqi", 4, 100, 0) + bytes(50): "big endian",
        head + deep * 200: "no end",
        head + struct.pack(">2Bq", 1, 0, 0): "no image",
        head + struct.pack(">2Bq", 1, 0, 1 << 60) + bytes(50): "unknown kind",
    }.items():
        path.write_bytes(content)
        with pytest.raises(BadInput, match=why):
            read_dm4(path)
    with pytest.raises(BadInput, match="folder"):
        read_dm4(tmp_path)


def test_dimensions_that_are_no_whole_numbers_are_refused(tmp_path: Path) -> None:
    """A file may say that an image has NaN columns."""
    path = write_dm(tmp_path / "image.dm4", IMAGE)
    content = path.read_bytes()
    columns = struct.pack(">qq", 1, 5) + struct.pack("<I", IMAGE.shape[1])
    assert columns in content
    path.write_bytes(
        content.replace(columns, struct.pack(">qq", 1, 6) + struct.pack("<f", math.nan))
    )
    with pytest.raises(BadInput, match="broken"):
        read_dm4(path)


@given(data=st.data())
@settings(max_examples=200)
def test_damaged_files_give_an_image_or_are_refused(scratch: Path, data: st.DataObject) -> None:
    """Flipped bits and other bytes never break the reader, nor take its memory."""
    path = write_dm(scratch / "damaged.dm4", IMAGE)
    content = bytearray(path.read_bytes())
    for bit in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=3)):
        content[bit // 8] ^= 1 << bit % 8
    place = data.draw(st.integers(0, len(content) - 1))
    new = data.draw(st.binary(max_size=8))
    content[place : place + len(new)] = new
    path.write_bytes(content)
    tracemalloc.start()
    try:
        said = "damaged.dm4" if read_dm4(path).ndim == 2 else ""
    except BadInput as error:
        said = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "damaged.dm4" in said
    assert peak < 64 << 20
