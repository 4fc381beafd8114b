"""Read MRC images and stacks, frame by frame; writing them is ``mrc_writing``'s."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc_header import (
    HEADER_BYTES,
    MrcHeader,
    parse_header,
)
from cryobatch.formats.mrc_pixels import (
    Frame,
    PixelsTooLarge,
    copy_to_float32,
    decode_rows,
    to_float32,
)
from cryobatch.formats.mrc_writing import StackWriter, write_image
from cryobatch.formats.reading import ByteSource, open_bytes, reading

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
