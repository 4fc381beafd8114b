"""Read and write MRC images and stacks, frame by frame."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.formats.atomic import replacing
from cryobatch.formats.mrc_header import (
    HEADER_BYTES,
    MOST_FRAMES,
    MrcHeader,
    build_header,
    parse_header,
)
from cryobatch.formats.mrc_pixels import (
    Frame,
    PixelsTooLarge,
    copy_to_float32,
    decode_rows,
    pack_frame,
    to_float16,
    to_float32,
)
from cryobatch.formats.preallocation import take_room
from cryobatch.formats.reading import ByteSource, open_bytes, read_at, read_into, reading

__all__ = [
    "Frame",
    "PixelsTooLarge",
    "Stack",
    "StackWriter",
    "open_stack",
    "read_image",
    "to_float32",
    "write_image",
]

TRAILING_BYTES = 1024
"""So much beyond the last pixel is taken as padding; more means that the header is wrong."""

_PIECE_BYTES = 1 << 20

_DTYPES = ("int8", "uint8", "int16", "uint16", "float16", "float32")


class Stack:
    """An open MRC file; row 0 is the first stored row.

    Attributes:
        path: The file.
        shape: ``(frames, rows, columns)``.
        dtype: Number type of ``raw_frame``; 4-bit pixels come as uint8.
        pixel_size_angstrom: From the header, None where it has none.
    """

    __slots__ = ("_header", "_source", "dtype", "metadata", "path", "pixel_size_angstrom", "shape")

    def __init__(self, path: Path, header: MrcHeader, source: ByteSource) -> None:
        self.path = path
        self.metadata: Mapping[str, str] = {}
        self.shape = header.shape
        self.dtype: np.dtype[Any] = header.dtype.newbyteorder("=")
        self.pixel_size_angstrom = header.pixel_size_angstrom
        self._header = header
        self._source = source

    def raw_frame(self, index: int) -> Frame:
        """Return a frame, ``(rows, columns)``, in the file's number type and our byte order."""
        self._check_index(index)
        header = self._header
        place = header.data_offset + index * header.frame_bytes
        return decode_rows(header, self._read(place, header.frame_bytes, index))

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a frame, ``(rows, columns) float32``."""
        frame = np.empty(self.shape[1:], np.float32)
        self.read_frame(index, frame)
        return frame

    def read_frame(self, index: int, out: NDArray[np.float32]) -> None:
        """Read a frame into ``(rows, columns) float32``, C order."""
        for first, rows in self.pieces(index):
            copy_to_float32(rows, out[first : first + len(rows)])

    def read_raw(self, index: int, out: Frame) -> None:
        """Read a frame into ``(rows, columns)`` of the file's number type."""
        if self._header.dtype == out.dtype and not self._header.packed and out.flags.c_contiguous:
            self._read_straight(index, out)
            return
        for first, rows in self.pieces(index):
            out[first : first + len(rows)] = rows

    def pieces(self, index: int) -> Iterator[tuple[int, Frame]]:
        """Yield a frame's rows, some at a time, with the number of the first of them.

        A piece of the file at a time: memory that is new to the process costs more than reading.
        """
        self._check_index(index)
        rows, header = self.shape[1], self._header
        piece = max(1, _PIECE_BYTES // header.row_bytes)
        for first in range(0, rows, piece):
            count = min(piece, rows - first)
            place = header.data_offset + index * header.frame_bytes + first * header.row_bytes
            yield first, decode_rows(header, self._read(place, count * header.row_bytes, index))

    def _read(self, place: int, count: int, index: int) -> bytearray:
        with reading(self.path):
            data = self._source.read_at(place, count)
        self._check_read(len(data), count, index)
        return data

    def _read_straight(self, index: int, out: Frame) -> None:
        """Read a frame that is kept as it is wanted."""
        self._check_index(index)
        with reading(self.path):
            place = self._header.data_offset + index * self._header.frame_bytes
            got = self._source.read_into(place, out.data.cast("B"))
        self._check_read(got, out.nbytes, index)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.shape[0]:
            raise IndexError(f"{self.path}: no frame {index}, it has {self.shape[0]}")

    def _check_read(self, got: int, count: int, index: int) -> None:
        if got < count:
            raise BadInput(
                f"{self.path}: ends within frame {index + 1} of {self.shape[0]}; copy it again"
            )

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_stack(path: Path) -> Stack:
    """Open an MRC file, also one that is compressed (.gz, .bz2).

    Raises:
        BadInput: It cannot be read, is no MRC file, or its size is not what its header promises.
    """
    with reading(path):
        source = open_bytes(path)
    try:
        with reading(path):
            header = parse_header(source.read_at(0, HEADER_BYTES), str(path))
            _check_size(path, header, source.size_bytes())
    except BaseException:
        source.close()
        raise
    return Stack(path, header, source)


def read_image(path: Path) -> tuple[NDArray[np.float32], float | None]:
    """Read the one frame of an MRC file.

    Returns:
        The image, ``(rows, columns) float32``, and its pixel size in Å, None where the header has
        none.
    """
    with open_stack(path) as stack:
        if stack.shape[0] != 1:
            raise BadInput(f"{path}: holds {stack.shape[0]} frames where one image is expected")
        return stack.frame(0), stack.pixel_size_angstrom


def write_image(
    path: Path, image: Frame, pixel_size_angstrom: float | None, float16: bool = False
) -> None:
    """Write an image as an MRC file, which appears whole or not at all.

    Args:
        path: The file.
        image: ``(rows, columns)``; kept as float32 whatever its type.
        pixel_size_angstrom: Into the header.
        float16: Keep 16-bit floats (mode 12) instead.
    """
    if image.ndim != 2:
        raise ValueError(f"{path}: an image has rows and columns, this has shape {image.shape}")
    pixels: Frame = np.ascontiguousarray(image, dtype="<f4")
    statistics = _statistics(pixels)
    if float16:
        pixels = to_float16(pixels, path)
    header = MrcHeader((1, *image.shape), pixels.dtype, False, pixel_size_angstrom)
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(build_header(header, statistics))
        file.write(pixels.data.cast("B"))


class StackWriter:
    """A stack that is being written; frames may come in any order, also from several threads.

    Args:
        path: The file; it has its whole header from the start.
        shape: ``(frames, rows, columns)``.
        dtype: int8, uint8, int16, uint16, float16 or float32.
        pixel_size_angstrom: Into the header.
        packed: Keep two pixels of 0 to 15 in a byte (mode 101); the type must be uint8.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: DTypeLike,
        pixel_size_angstrom: float | None,
        packed: bool = False,
    ) -> None:
        kind: np.dtype[Any] = np.dtype(dtype).newbyteorder("<")
        if kind.name not in _DTYPES or (packed and kind.name != "uint8"):
            raise ValueError(f"{path}: an MRC stack of {kind.name} cannot be written")
        if len(shape) != 3 or min(shape) < 1 or shape[0] > MOST_FRAMES:
            raise ValueError(f"{path}: a stack is (frames, rows, columns), not {shape}")
        self.path = path
        self.shape = shape
        self.dtype: np.dtype[Any] = kind.newbyteorder("=")
        self._header = MrcHeader(shape, kind, packed, pixel_size_angstrom)
        self._written = bytearray(shape[0])
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        try:
            take_room(self._descriptor, self._header.file_bytes)
            self._write_at(0, build_header(self._header))
        except OSError as error:
            self.close()
            error.filename = str(path)
            raise

    def write(self, index: int, frame: Frame) -> None:
        """Write a frame, ``(rows, columns)``; its numbers are cast to the stack's type.

        Raises:
            PixelsTooLarge: They do not fit it.
        """
        if frame.shape != self.shape[1:] or not 0 <= index < self.shape[0]:
            raise ValueError(f"{self.path}: frame {index} of shape {frame.shape} does not fit")
        piece = self.shape[1]
        if self._casts(frame):
            piece = max(1, _PIECE_BYTES // self._header.row_bytes)
        for first in range(0, self.shape[1], piece):
            self._write_rows(index, first, frame[first : first + piece])
        self._written[index] = 1

    def rewrite_rows(self, index: int, first: int, rows: Frame) -> None:
        """Write some rows of a frame that was written again, ``(rows, columns)``."""
        if not self._written[index]:
            raise ValueError(f"{self.path}: frame {index} was not written yet")
        self._write_rows(index, first, rows)

    def _write_rows(self, index: int, first: int, rows: Frame) -> None:
        header = self._header
        place = header.data_offset + index * header.frame_bytes + first * header.row_bytes
        self._write_at(place, self._cast(rows).data.cast("B"))

    def _casts(self, frame: Frame) -> bool:
        return (
            self._header.packed or frame.dtype != self._header.dtype or not frame.flags.c_contiguous
        )

    def _cast(self, frame: Frame) -> Frame:
        if self._header.dtype == np.float16 and frame.dtype == np.float32:
            return to_float16(frame, self.path)
        pixels = np.ascontiguousarray(frame, dtype=self._header.dtype)
        return pack_frame(pixels) if self._header.packed else pixels

    def read_rows(self, index: int, first: int, out: Frame) -> None:
        """Read rows of a frame that was written into ``(rows, columns)`` of the stack's type."""
        if not self._written[index]:
            raise ValueError(f"{self.path}: frame {index} was not written yet")
        header = self._header
        place = header.data_offset + index * header.frame_bytes + first * header.row_bytes
        if self._casts(out):
            data = read_at(self._descriptor, place, len(out) * header.row_bytes)
            out[:] = decode_rows(header, data)
        else:
            read_into(self._descriptor, place, out.data.cast("B"))

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is None and not all(self._written):
            missing = self._written.index(0) + 1
            raise ScriptFailed(f"{self.path}: frame {missing} of {self.shape[0]} was not written")

    def _write_at(self, offset: int, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(self._descriptor, view, offset)
            view, offset = view[done:], offset + done


def _check_size(path: Path, header: MrcHeader, size_bytes: int | None) -> None:
    if size_bytes is None:
        return
    frames, rows, columns = header.shape
    promise = f"its header promises {frames} frames of {columns} x {rows} pixels"
    if size_bytes < header.file_bytes:
        missing = header.file_bytes - size_bytes
        raise BadInput(
            f"{path}: truncated, {promise} and {missing} bytes are missing; copy it again"
        )
    if size_bytes > header.file_bytes + TRAILING_BYTES:
        more = size_bytes - header.file_bytes
        raise BadInput(f"{path}: {promise}, but there are {more} bytes more; copy it again")


def _statistics(pixels: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return minimum, maximum, mean and standard deviation, a piece at a time."""
    rows = max(1, _PIECE_BYTES // (8 * pixels.shape[1]))
    pieces = [pixels[first : first + rows] for first in range(0, len(pixels), rows)]
    measured = np.array([_measure(piece) for piece in pieces])
    sizes = np.array([piece.size for piece in pieces])
    mean = float(measured[:, 2] @ sizes) / pixels.size
    # Deviations about each piece's own mean: sums of squares would lose digits far from zero.
    squares = measured[:, 3] + sizes * (measured[:, 2] - mean) ** 2
    deviation = math.sqrt(float(squares.sum()) / pixels.size)
    return float(measured[:, 0].min()), float(measured[:, 1].max()), mean, deviation


def _measure(piece: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return minimum, maximum, mean, and the sum of squares about it."""
    wide = piece.astype(np.float64)
    mean = float(wide.mean())
    wide -= mean
    np.square(wide, out=wide)
    return float(piece.min()), float(piece.max()), mean, float(wide.sum())
