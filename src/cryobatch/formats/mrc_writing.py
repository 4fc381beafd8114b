"""Write MRC images and stacks, frame by frame and in any order."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cryobatch.errors import ScriptFailed
from cryobatch.formats.atomic import replacing
from cryobatch.formats.mrc_header import MOST_FRAMES, MrcHeader, build_header
from cryobatch.formats.mrc_pixels import Frame, decode_rows, pack_frame, to_float16
from cryobatch.formats.preallocation import take_room
from cryobatch.formats.reading import read_at, read_into

_PIECE_BYTES = 1 << 20
_DTYPES = ("int8", "uint8", "int16", "uint16", "float16", "float32")


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
    wide: Frame = np.ascontiguousarray(image, dtype="<f4")
    pixels = to_float16(wide, path) if float16 else wide
    header = MrcHeader((1, *image.shape), pixels.dtype, False, pixel_size_angstrom)
    with ThreadPoolExecutor(1) as another, replacing(path) as beside, beside.open("wb") as file:
        statistics = another.submit(_statistics, wide)
        take_room(file.fileno(), header.file_bytes)
        file.seek(header.data_offset)
        file.write(pixels.data.cast("B"))
        file.seek(0)
        file.write(build_header(header, statistics.result()))


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
        self._write_at(self._place(index, first), self._cast(rows).data.cast("B"))

    def _place(self, index: int, first: int) -> int:
        """Return where a row of a frame begins, in bytes."""
        header = self._header
        return header.data_offset + index * header.frame_bytes + first * header.row_bytes

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
        place = self._place(index, first)
        if self._casts(out):
            data = read_at(self._descriptor, place, len(out) * self._header.row_bytes)
            out[:] = decode_rows(self._header, data)
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
