"""MRC files: what is written is read, whatever mode, and what is broken is refused."""

import bz2
import gzip
import struct
from contextlib import suppress
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.formats.mrc import Frame, StackWriter, open_stack, read_image, write_image

SHAPE = (3, 6, 7)
DTYPES = ["int8", "uint8", "int16", "uint16", "float16", "float32"]


def make_frames(dtype: str, low: int = 0, high: int = 16) -> Frame:
    """Return frames of small whole numbers."""
    return np.random.default_rng(1).integers(low, high, SHAPE).astype(dtype)


def write_stack(path: Path, frames: Frame, *, packed: bool = False) -> Path:
    """Write frames, last one first."""
    with StackWriter(path, frames.shape, frames.dtype, 1.25, packed=packed) as writer:
        for index in reversed(range(len(frames))):
            writer.write(index, frames[index])
    return path


def read_last_frame(path: Path) -> Frame:
    """Return the last frame of a stack."""
    with open_stack(path) as stack:
        return stack.frame(stack.shape[0] - 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stack_comes_back_as_it_was_written(tmp_path: Path, dtype: str) -> None:
    """Every number type keeps values, type, order of frames and pixel size."""
    frames = make_frames(dtype, high=100)
    with open_stack(write_stack(tmp_path / "stack.mrc", frames)) as stack:
        assert stack.shape == SHAPE
        assert stack.dtype == np.dtype(dtype)
        assert stack.pixel_size_angstrom == pytest.approx(1.25)
        for index, frame in enumerate(frames):
            np.testing.assert_array_equal(stack.raw_frame(index), frame)
            assert stack.frame(index).dtype == np.float32
            np.testing.assert_array_equal(stack.frame(index), frame.astype(np.float32))


def test_a_frame_larger_than_a_piece_is_read_whole(tmp_path: Path) -> None:
    """Frames are read piece by piece; the rows of the last, shorter piece are there too."""
    frames = np.random.default_rng(2).integers(0, 16, (2, 1031, 2049)).astype(np.uint8)
    for packed in (False, True):
        path = write_stack(tmp_path / f"{packed}.mrc", frames, packed=packed)
        np.testing.assert_array_equal(read_last_frame(path), frames[1])


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
def test_an_independent_reader_reads_what_we_write(tmp_path: Path, dtype: str) -> None:
    """The package mrcfile finds the same numbers and has nothing to complain about."""
    frames = make_frames(dtype)
    path = write_stack(tmp_path / "stack.mrc", frames)
    assert mrcfile.validate(str(path))
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, frames)
        assert file.voxel_size.x == pytest.approx(1.25)


@pytest.mark.parametrize("columns", [7, 8])
def test_four_bit_pixels_survive_odd_rows(tmp_path: Path, columns: int) -> None:
    """Two pixels share a byte, and a row of odd length ends on a whole byte."""
    frames = np.random.default_rng(2).integers(0, 16, (2, 5, columns)).astype(np.uint8)
    path = write_stack(tmp_path / "stack.mrc", frames, packed=True)
    assert path.stat().st_size == 1024 + 2 * 5 * 4
    with open_stack(path) as stack:
        np.testing.assert_array_equal(stack.raw_frame(1), frames[1])
    assert path.read_bytes()[1024] == frames[0, 0, 0] | frames[0, 0, 1] << 4


@pytest.mark.parametrize("suffix", [".gz", ".bz2"])
def test_compressed_files_are_read_forwards_and_backwards(tmp_path: Path, suffix: str) -> None:
    """The frames of a compressed stack come right in any order."""
    frames = make_frames("int16")
    plain = write_stack(tmp_path / "stack.mrc", frames).read_bytes()
    path = tmp_path / f"stack.mrc{suffix}"
    path.write_bytes(gzip.compress(plain) if suffix == ".gz" else bz2.compress(plain))
    with open_stack(path) as stack:
        for index in (0, 2, 1):
            np.testing.assert_array_equal(stack.raw_frame(index), frames[index])


def test_big_endian_files_with_extended_headers_are_read(tmp_path: Path) -> None:
    """Byte order and extended header of another machine change no number."""
    frames = make_frames("int16", low=-99, high=99)
    header = bytearray(1024)
    struct.pack_into(">4i", header, 0, 7, 6, 3, 1)
    struct.pack_into(">i", header, 92, 256)
    path = tmp_path / "stack.mrc"
    path.write_bytes(bytes(header) + b"x" * 256 + frames.astype(">i2").tobytes())
    with open_stack(path) as stack:
        np.testing.assert_array_equal(stack.raw_frame(2), frames[2])
        assert stack.dtype == np.int16
        assert stack.dtype.isnative
        assert stack.pixel_size_angstrom is None


def test_bytes_are_signed_unless_stamped_otherwise(tmp_path: Path) -> None:
    """Mode 0 is signed; the IMOD stamp with flag bit 1 clear makes it unsigned."""
    path = write_stack(tmp_path / "stack.mrc", np.full(SHAPE, 200, np.uint8))
    with open_stack(path) as stack:
        assert stack.frame(0)[0, 0] == 200
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, 156, 1)
    path.write_bytes(data)
    with open_stack(path) as stack:
        assert stack.frame(0)[0, 0] == 200 - 256


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_a_frame_can_be_written_again(tmp_path: Path, packed: bool) -> None:
    """The rows change, and nothing else of the stack does."""
    frames = make_frames("uint8")
    path = tmp_path / "stack.mrc"
    with StackWriter(path, SHAPE, "uint8", 1.0, packed=packed) as writer:
        for index, frame in enumerate(frames):
            writer.write(index, frame)
        changed = np.empty((2, SHAPE[2]), np.uint8)
        writer.read_rows(1, 2, changed)
        np.testing.assert_array_equal(changed, frames[1, 2:4])
        changed[0, 3] = changed[1, 6] = 15
        writer.rewrite_rows(1, 2, changed)
    frames[1, 2, 3] = frames[1, 3, 6] = 15
    with open_stack(path) as stack:
        np.testing.assert_array_equal([stack.raw_frame(i) for i in range(3)], frames)


@pytest.mark.parametrize(("float16", "dtype"), [(False, "float32"), (True, "float16")])
def test_an_image_comes_back_with_statistics(tmp_path: Path, float16: bool, dtype: str) -> None:
    """Images are float32, or float16 on request, with true statistics in the header."""
    image = np.random.default_rng(3).normal(5, 2, (8, 9)).astype(np.float32)
    path = tmp_path / "image.mrc"
    write_image(path, image, 1.5, float16=float16)
    found, pixel = read_image(path)
    np.testing.assert_allclose(found, image, rtol=1e-3)
    assert pixel == pytest.approx(1.5)
    with mrcfile.open(path) as file:
        assert file.data.dtype == np.dtype(dtype)
        assert float(file.header.dmean) == pytest.approx(float(image.mean()), rel=1e-5)
        assert float(file.header.rms) == pytest.approx(float(image.std()), rel=1e-5)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Nothing is clipped in silence: neither float16 nor 4 bits."""
    with pytest.raises(ScriptFailed, match="float16"):
        write_image(tmp_path / "a.mrc", np.full((2, 2), 1e6), 1.0, float16=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ScriptFailed, match="4 bits"):
        write_stack(tmp_path / "b.mrc", np.full(SHAPE, 16, np.uint8), packed=True)


def test_a_stack_with_a_missing_frame_is_an_error(tmp_path: Path) -> None:
    """A writer that ends before all frames were written says which one is missing."""
    frames = make_frames("uint8")

    def write_two_of_three() -> None:
        with StackWriter(tmp_path / "s.mrc", SHAPE, "uint8", 1.0) as writer:
            writer.write(0, frames[0])
            writer.write(2, frames[2])

    with pytest.raises(ScriptFailed, match="frame 2 of 3"):
        write_two_of_three()


@pytest.mark.parametrize(
    ("place", "number", "said"),
    [
        (8, 0, "0 frames"),
        (0, -5, "was not finished"),
        (0, 100_000_000, "no camera makes"),
        (8, 30, "truncated"),
        (8, 2, "bytes more"),
        (12, 3, "mode 3"),
        (92, -1, "extended header"),
    ],
)
def test_headers_that_cannot_be_true_are_refused(
    tmp_path: Path, place: int, number: int, said: str
) -> None:
    """The error names the file and what is wrong with it."""
    path = write_stack(tmp_path / "stack.mrc", np.zeros((3, 40, 50), np.uint8))
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, place, number)
    path.write_bytes(data)
    with pytest.raises(BadInput, match=said) as raised:
        open_stack(path)
    assert str(path) in str(raised.value)


def test_files_that_are_not_there_or_no_files_are_refused(tmp_path: Path) -> None:
    """A vanished file, a folder, an empty file and a broken archive each say so."""
    (tmp_path / "empty.mrc").touch()
    (tmp_path / "broken.mrc.gz").write_bytes(b"no gzip at all")
    (tmp_path / "folder.mrc").mkdir()
    for name in ("missing.mrc", "empty.mrc", "broken.mrc.gz", "folder.mrc"):
        with pytest.raises(BadInput, match=name):
            open_stack(tmp_path / name)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A frame that is cut off after opening is an error, not garbage."""
    path = write_stack(tmp_path / "stack.mrc", make_frames("float32"))
    with open_stack(path) as stack:
        with path.open("r+b") as file:
            file.truncate(1100)
        with pytest.raises(BadInput, match="ends within frame 3"):
            stack.frame(2)


def test_a_compressed_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    """A truncated archive fails at the frame that it cuts."""
    plain = write_stack(tmp_path / "s.mrc", make_frames("float32")).read_bytes()
    path = tmp_path / "s.mrc.gz"
    path.write_bytes(gzip.compress(plain)[:-20])
    with pytest.raises(BadInput, match=r"s\.mrc\.gz"):
        read_last_frame(path)


@given(data=st.binary(max_size=1200), flips=st.lists(st.integers(0, 1024 * 8 - 1), max_size=4))
@settings(max_examples=150)
def test_no_bytes_break_the_reader(scratch: Path, data: bytes, flips: list[int]) -> None:
    """Any bytes, and a good file with flipped bits, are read or refused with BadInput."""
    good = bytearray(write_stack(scratch / "good.mrc", make_frames("int16")).read_bytes())
    for bit in flips:
        good[bit // 8] ^= 1 << bit % 8
    for content in (data, bytes(good)):
        path = scratch / "any.mrc"
        path.write_bytes(content)
        with suppress(BadInput):
            assert read_last_frame(path).ndim == 2
