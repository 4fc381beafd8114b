"""Read the LZW strips of TIFF movies as cameras write them, straight to where they belong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import Frame
from cryobatch.formats.reading import PlainFile
from cryobatch.formats.tiff_pages import Page

_LZW = 5
_FIRST_CODE = 0x80
"""The first byte of a strip: it begins with the code 256 (TIFF 6.0, section 13), highest bit first.
Files of the eighties have the lowest first."""


class LzwStrips:
    """The strips of a movie whose pages are LZW and nothing else; threads may read them.

    Args:
        path: The file.
        pages: Its frames, checked.
    """

    def __init__(self, path: Path, pages: Sequence[Page]) -> None:
        self._path = path
        self._rows = int(pages[0].rowsperstrip)
        self._places = [
            list(zip(page.dataoffsets, page.databytecounts, strict=True)) for page in pages
        ]
        self._source = PlainFile(path)
        self._rooms: list[NDArray[np.uint8]] = []

    @classmethod
    def of(cls, path: Path, pages: Sequence[Page]) -> Self | None:
        """Return the strips of a movie, None where pages are kept in other ways."""
        alike = len({page.rowsperstrip for page in pages}) == 1
        return cls(path, pages) if alike and all(map(_is_plain_lzw, pages)) else None

    def read_flipped(self, index: int, out: Frame) -> bool:
        """Decode a frame's strips into ``(rows, columns)``, the first row of the file last.

        Returns:
            False where its codes are not written in the usual way; what ``out`` holds then is
            of no use.

        Raises:
            BadInput: It ends too early.
            ValueError: Its codes are broken.
        """
        # numba takes a third of a second to import: only who decodes pixels needs it.
        from cryobatch.formats.tiff_lzw import decode, room_for

        rows, columns = out.shape
        most = min(self._rows, rows) * columns * out.itemsize
        room = self._rooms.pop() if self._rooms else room_for(most)
        for number, place in enumerate(self._places[index]):
            first = number * self._rows
            count = min(self._rows, rows - first)
            codes = self._read(*place)
            if codes[0] != _FIRST_CODE:
                return False
            data = decode(codes, room, count * columns * out.itemsize)
            if data.size < count * columns * out.itemsize:
                raise BadInput(f"{self._path}: frame {index + 1} ends too early; copy it again")
            strip = data.view(out.dtype).reshape(count, columns)
            out[rows - first - count : rows - first] = strip[::-1]
        self._rooms.append(room)
        return True

    def _read(self, offset: int, count: int) -> NDArray[np.uint8]:
        from cryobatch.formats.tiff_lzw import SLACK

        data = self._source.read_at(offset, count)
        if len(data) < count:
            raise BadInput(f"{self._path}: is truncated; copy it again")
        data += bytes(SLACK)
        return np.frombuffer(data, np.uint8)

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()


def _is_plain_lzw(page: Page) -> bool:
    itemsize = page.dtype.itemsize
    order = "<" if itemsize == 1 else page.parent.byteorder
    return (
        page.compression == _LZW
        and page.predictor == 1
        and page.fillorder == 1
        and not page.is_tiled
        and page.samplesperpixel == 1
        and page.bitspersample == 8 * itemsize
        and order == "<"
        and -(-page.shape[0] // page.rowsperstrip) == len(page.dataoffsets)
    )
