"""The header of an MRC file: numbers from bytes, and bytes from numbers.

Format: MRC2014 (Cheng et al. 2015, J. Struct. Biol. 192, 146), with IMOD's stamp and flags in words
39 and 40 of the header for unsigned bytes, and modes 12 (float16) and 101 (4 bits a pixel).
"""

import math
import struct
from dataclasses import dataclass

import numpy as np

from cryobatch.errors import BadInput

HEADER_BYTES = 1024
IMOD_STAMP = 1146047817
IMOD_SIGNED_BYTES = 1
MOST_PIXELS = 1 << 30
"""A frame beyond this is a broken header: the largest cameras have 11520 x 8184 pixels."""
MOST_FRAMES = 1 << 20

_LITTLE_STAMP = b"\x44\x44\x00\x00"
_PACKED_MODE = 101
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2", _PACKED_MODE: "u1"}
_NO_STATISTICS = (0.0, -1.0, -2.0, -1.0)
"""Minimum, maximum, mean and deviation: the standard's way to say that they were not computed."""


@dataclass(frozen=True, slots=True)
class MrcHeader:
    """What an MRC header says.

    Args:
        shape: ``(frames, rows, columns)``.
        dtype: Type of a pixel in the file, with its byte order.
        packed: Whether two pixels of 4 bits share a byte, the first in the lower half.
        pixel_size_angstrom: None where the header has none.
        extended_bytes: Length of the extended header, between header and pixels.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    packed: bool
    pixel_size_angstrom: float | None
    extended_bytes: int = 0

    @property
    def row_bytes(self) -> int:
        """Bytes of a row; an odd number of 4-bit pixels is filled up to a whole byte."""
        columns = self.shape[2]
        return (columns + 1) // 2 if self.packed else columns * self.dtype.itemsize

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return self.shape[1] * self.row_bytes

    @property
    def data_offset(self) -> int:
        """Place of the first pixel in the file."""
        return HEADER_BYTES + self.extended_bytes

    @property
    def file_bytes(self) -> int:
        """Bytes of the whole file."""
        return self.data_offset + self.shape[0] * self.frame_bytes


def parse_header(data: bytes | bytearray, where: str) -> MrcHeader:
    """Read a header.

    Args:
        data: The first 1024 bytes of the file.
        where: The file, for errors.

    Raises:
        BadInput: The bytes are no MRC header, or promise what no recording has.
    """
    if len(data) < HEADER_BYTES:
        raise BadInput(
            f"{where}: {len(data)} bytes are no MRC file, its header alone has {HEADER_BYTES}; "
            "copy it again from the microscope"
        )
    order = _byte_order(data, where)
    columns, rows, frames, mode = struct.unpack_from(f"{order}4i", data, 0)
    _check_shape(columns, rows, frames, where)
    (extended,) = struct.unpack_from(f"{order}i", data, 92)
    if not 0 <= extended <= 1 << 30:
        raise BadInput(f"{where}: its MRC header claims an extended header of {extended} bytes")
    stamp, flags = struct.unpack_from(f"{order}2i", data, 152)
    code = _MODES[mode]
    if mode == 0 and stamp == IMOD_STAMP and not flags & IMOD_SIGNED_BYTES:
        code = "u1"
    return MrcHeader(
        shape=(frames, rows, columns),
        dtype=np.dtype(order + code),
        packed=mode == _PACKED_MODE,
        pixel_size_angstrom=_pixel_size(data, order),
        extended_bytes=extended,
    )


def build_header(
    header: MrcHeader, statistics: tuple[float, float, float, float] = _NO_STATISTICS
) -> bytes:
    """Return the 1024 bytes of a little-endian header without extended header.

    Args:
        header: What to say.
        statistics: Minimum, maximum, mean and deviation of all pixels.
    """
    frames, rows, columns = header.shape
    pixel = header.pixel_size_angstrom or 0.0
    data = bytearray(HEADER_BYTES)
    struct.pack_into("<4i", data, 0, columns, rows, frames, _mode(header))
    struct.pack_into("<3i", data, 28, columns, rows, frames)
    struct.pack_into("<6f", data, 40, columns * pixel, rows * pixel, frames * pixel, 90, 90, 90)
    struct.pack_into("<3i3f", data, 64, 1, 2, 3, *statistics[:3])
    struct.pack_into("<i", data, 108, 20140)
    if header.dtype == np.uint8 and not header.packed:
        struct.pack_into("<2i", data, 152, IMOD_STAMP, 0)
    data[208:216] = b"MAP " + _LITTLE_STAMP
    struct.pack_into("<f", data, 216, statistics[3])
    return bytes(data)


def _mode(header: MrcHeader) -> int:
    if header.packed:
        return _PACKED_MODE
    code = f"{header.dtype.kind}{header.dtype.itemsize}"
    return 0 if code == "u1" else {name: mode for mode, name in _MODES.items()}[code]


def _byte_order(data: bytes | bytearray, where: str) -> str:
    """Find the byte order from the mode, which is small in the right one only.

    The machine stamp is wrong in too many real files to be trusted alone.
    """
    modes = {order: struct.unpack_from(f"{order}i", data, 12)[0] for order in "<>"}
    fitting = [order for order, mode in modes.items() if mode in _MODES]
    if not fitting:
        raise BadInput(
            f"{where}: it is no MRC file that we read (mode {modes['<']}; known: "
            f"{', '.join(map(str, _MODES))}); see whether it was copied whole"
        )
    # Mode 0 reads the same in both orders: then the stamp, else plausible sizes decide.
    if len(fitting) == 2:
        stamped = ">" if bytes(data[212:214]) == b"\x11\x11" else "<"
        other = "<" if stamped == ">" else ">"
        fitting = [stamped] if _plausible(data, stamped) or not _plausible(data, other) else [other]
    return fitting[0]


def _plausible(data: bytes | bytearray, order: str) -> bool:
    sizes = struct.unpack_from(f"{order}3i", data, 0)
    return all(0 < size < 1 << 20 for size in sizes)


def _check_shape(columns: int, rows: int, frames: int, where: str) -> None:
    if columns <= 0 or rows <= 0 or frames <= 0:
        raise BadInput(
            f"{where}: its header says {frames} frames of {columns} x {rows} pixels; the recording "
            "was not finished or its header is broken, copy it again"
        )
    if columns * rows > MOST_PIXELS or frames > MOST_FRAMES:
        raise BadInput(
            f"{where}: its header claims {frames} frames of {columns} x {rows} pixels, which no "
            "camera makes; the header is broken, copy it again"
        )


def _pixel_size(data: bytes | bytearray, order: str) -> float | None:
    intervals = int(struct.unpack_from(f"{order}i", data, 28)[0])
    length = float(struct.unpack_from(f"{order}f", data, 40)[0])
    if intervals <= 0 or not math.isfinite(length) or length <= 0:
        return None
    return length / intervals
