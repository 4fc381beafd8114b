"""Decoding LZW: the same as another decoder, and nothing but an error from broken codes."""

from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.movie import open_movie
from cryobatch.formats.tiff_lzw import SLACK, decode, room_for
from tests.recording_files import write_tiff

GUARD = 64
"""Bytes around arrays that no decoder may touch."""


def some_counts(seed: int, mean: float, count: int) -> NDArray[np.uint8]:
    """Return so many counts as a camera's."""
    return np.minimum(np.random.default_rng(seed).poisson(mean, count), 255).astype(np.uint8)


poisson = st.builds(
    some_counts,
    st.integers(0, 99), st.sampled_from([0.0, 0.02, 0.7, 5.0, 100.0]), st.integers(0, 40_000),
)  # fmt: skip
"""Counts as a camera's, few to many of them; runs of zeros too."""


def encode(data: bytes) -> bytes:
    """Return the codes of some bytes."""
    return bytes(imagecodecs.lzw_encode(data))


def with_slack(codes: bytes) -> NDArray[np.uint8]:
    """Return codes as the decoder takes them."""
    return np.frombuffer(codes + bytes(SLACK), np.uint8)


def decode_guarded(codes: bytes, count: int) -> NDArray[np.uint8]:
    """Decode between guards, and see that these stay as they are."""
    room = room_for(count)
    around = np.full(room.size + 2 * GUARD, 0xA5, np.uint8)
    inside = around[GUARD:-GUARD]
    inside[:] = room
    try:
        return decode(with_slack(codes), inside, count)
    finally:
        assert (around[:GUARD] == 0xA5).all()
        assert (around[-GUARD:] == 0xA5).all()


@given(poisson)
def test_what_was_encoded_is_decoded(counts: NDArray[np.uint8]) -> None:
    """Through all lengths of codes, tables that fill up, and runs that repeat themselves."""
    data = counts.tobytes()
    assert decode_guarded(encode(data), len(data)).tobytes() == data


@given(poisson, st.integers(0, 40_000))
def test_no_more_is_decoded_than_asked_for(counts: NDArray[np.uint8], wanted: int) -> None:
    """A last strip may hold more rows than the image; one that ends early gives what it has."""
    data = counts.tobytes()
    found = decode_guarded(encode(data), wanted)
    assert found.tobytes() == data[:wanted]


@given(poisson, st.data())
def test_broken_codes_stay_within_their_arrays(
    counts: NDArray[np.uint8], data: st.DataObject
) -> None:
    """Whatever bits are flipped or cut off: some bytes or an error, and nothing beside them."""
    codes = bytearray(encode(counts.tobytes()))
    for _ in range(data.draw(st.integers(0, 4))):
        codes[data.draw(st.integers(0, len(codes) - 1))] ^= data.draw(st.integers(1, 255))
    cut = codes[: data.draw(st.integers(0, len(codes)))]
    with suppress(ValueError):
        assert decode_guarded(bytes(cut), counts.size).size <= counts.size


@given(st.binary(max_size=2000), st.integers(0, 100_000))
def test_any_bytes_stay_within_their_arrays(codes: bytes, count: int) -> None:
    """Also where they never were codes."""
    with suppress(ValueError):
        assert decode_guarded(codes, count).size <= count


def test_too_little_room_is_refused() -> None:
    """Before anything is written."""
    with pytest.raises(ValueError, match="do not fit"):
        decode(with_slack(b"\x80\x00"), room_for(10), 11)
    with pytest.raises(ValueError, match="no codes"):
        decode(np.zeros(0, np.uint8), room_for(10), 10)


@pytest.mark.parametrize("more", [{"rowsperstrip": 7}, {"rowsperstrip": 1}, {"predictor": True}])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_every_layout_is_read_as_tifffile_reads_it(
    tmp_path: Path, more: dict[str, int], order: str, dtype: str
) -> None:
    """Strips of any height, both byte orders, with and without a predictor."""
    frames = np.random.default_rng(5).poisson(3.0, (3, 40, 30)).astype(dtype)
    path = write_tiff(tmp_path / "a.tif", frames, "lzw", order, **more)
    with open_movie(path) as movie:
        for index in range(3):
            np.testing.assert_array_equal(
                movie.raw_frame(index)[::-1], tifffile.imread(path, key=index)
            )


def test_a_strip_that_ends_early_is_an_error(tmp_path: Path) -> None:
    """A frame is not filled up with what is not there."""
    frames = np.random.default_rng(5).poisson(3.0, (1, 64, 64)).astype(np.uint8)
    path = write_tiff(tmp_path / "a.tif", frames, rowsperstrip=64)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        place = file.pages.first.dataoffsets[0]
    data[place + 100 : place + 104] = b"\x80\x80\x80\x80"
    path.write_bytes(data)
    with open_movie(path) as movie, pytest.raises(BadInput):
        movie.raw_frame(0)


def test_frames_may_be_cut_into_strips_in_several_ways(tmp_path: Path) -> None:
    """As many of them, but of other heights."""
    path = tmp_path / "a.tif"
    frames = np.random.default_rng(1).integers(0, 9, (2, 100, 40), np.uint8)
    with tifffile.TiffWriter(path) as file:
        for frame, rows in zip(frames, (60, 50), strict=True):
            file.write(frame, compression="lzw", rowsperstrip=rows, metadata=None)
    with open_movie(path) as movie:
        for index, frame in enumerate(frames):
            assert np.array_equal(movie.raw_frame(index)[::-1], frame)
