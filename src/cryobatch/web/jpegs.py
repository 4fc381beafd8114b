"""JPEGs that others wrote: checked before they are unpacked, drawn anew before they are sent."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.reading import read_small
from cryobatch.imaging.thumbnail import encode_jpeg
from cryobatch.web.pictures import shrink

MOST_BYTES = 64 << 20
MOST_PIXELS = 1 << 26
"""An atlas has 16 million; a header can claim four thousand million, of which each costs a byte."""
_START = b"\xff\xd8"
_FRAMES = frozenset(
    {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
)
"""Markers of a frame header (ITU T.81, table B.1): all of C0 to CF but tables."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""


def redraw_jpeg(path: Path, size: int) -> bytes:
    """Return a JPEG in grey, drawn anew from one that is there.

    Args:
        path: The picture.
        size: Longest side.

    Raises:
        BadInput: It is no JPEG, or larger than any picture of the grid.
    """
    content = read_small(path, MOST_BYTES)
    rows, columns = read_size(content, path.name)
    if rows * columns > MOST_PIXELS:
        raise BadInput(f"{path.name}: {columns} x {rows} pixels are more than a picture needs")
    try:
        picture = np.asarray(imagecodecs.jpeg8_decode(content))
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"{path.name}: is no whole JPEG ({error}); copy it again") from error
    return encode_jpeg(shrink(picture, size))


def read_size(content: bytes, name: str) -> tuple[int, int]:
    """Return rows and columns that a JPEG's header tells.

    Raises:
        BadInput: It is no JPEG.
    """
    place = 2
    while content.startswith(_START) and place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
        elif marker in _FRAMES:
            rows, columns = struct.unpack(">HH", content[place + 5 : place + 9])
            return rows, columns
        else:
            place += 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
    raise BadInput(f"{name}: is no JPEG; copy it again")
