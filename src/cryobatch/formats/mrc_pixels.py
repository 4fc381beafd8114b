"""The pixels of MRC files: number types, 4-bit packing, 16-bit floats."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import ScriptFailed
from cryobatch.formats.mrc_header import MrcHeader

Frame = NDArray[Any]
"""``(rows, columns)`` of the file's own number type (Any: one of several)."""


class PixelsTooLarge(ScriptFailed):
    """A frame's values do not fit the type of the stack; write it with a wider one."""


def decode_rows(header: MrcHeader, data: bytearray) -> Frame:
    """Return whole rows of a frame, ``(rows, columns)``, from their bytes, in our byte order."""
    columns = header.shape[2]
    if header.packed:
        return _unpack(np.frombuffer(data, np.uint8).reshape(-1, header.row_bytes), columns)
    pixels = np.frombuffer(data, header.dtype).reshape(-1, columns)
    return pixels.astype(header.dtype.newbyteorder("="), copy=False)


def to_float32(frame: Frame) -> NDArray[np.float32]:
    """Return a frame of any number type as 32-bit floats."""
    if frame.dtype != np.float16:
        return frame.astype(np.float32, copy=False)
    wide = np.empty(frame.shape, np.float32)
    copy_to_float32(frame, wide)
    return wide


def copy_to_float32(frame: Frame, out: NDArray[np.float32]) -> None:
    """Write a frame of any number type into 32-bit floats of the same shape."""
    if frame.dtype != np.float16:
        np.copyto(out, frame, casting="unsafe")
        return
    # numba takes a third of a second to import: only who has 16-bit floats needs it.
    from cryobatch.formats.half_float import widen

    widen(frame, out)


def to_float16(pixels: NDArray[np.float32], path: Path) -> NDArray[np.float16]:
    """Return 32-bit floats as 16-bit floats; the path is for the error."""
    from cryobatch.formats.half_float import narrow

    try:
        return narrow(pixels)
    except OverflowError:
        raise PixelsTooLarge(f"{path}: values beyond 65504 do not fit float16") from None


def pack_frame(pixels: Frame) -> NDArray[np.uint8]:
    """Return counts from 0 to 15 as two in a byte, the first in its lower half."""
    if pixels.max() > 15:
        raise PixelsTooLarge("pixels beyond 15 do not fit 4 bits; keep the stack in 8 bits")
    packed = np.zeros((pixels.shape[0], (pixels.shape[1] + 1) // 2), np.uint8)
    packed[:] = pixels[:, 0::2]
    packed[:, : pixels.shape[1] // 2] |= pixels[:, 1::2] << 4
    return packed


def _unpack(packed: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    pixels = np.empty((packed.shape[0], packed.shape[1] * 2), np.uint8)
    np.bitwise_and(packed, 0x0F, out=pixels[:, 0::2])
    np.right_shift(packed, 4, out=pixels[:, 1::2])
    return np.ascontiguousarray(pixels[:, :columns])
