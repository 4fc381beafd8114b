"""Read TIFF movies, one page a frame."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import Frame
from cryobatch.formats.tiff_pages import Page, check_pages, decoding, open_tiff_file
from cryobatch.formats.tiff_strips import LzwStrips

_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32")
_ANGSTROM_PER_UNIT = {2: 2.54e8, 3: 1e8}
"""The header's unit of resolution: 2 inch, 3 centimetre."""


class TiffMovie:
    """An open TIFF file; its rows are flipped, so that row 0 is the bottom of the image.

    TIFF counts rows from the top, MRC from the bottom: RELION, IMOD and MotionCor2 flip a TIFF
    too, so movies and gain references agree.

    Attributes:
        path: The file.
        shape: ``(frames, rows, columns)``.
        dtype: Number type of ``raw_frame``.
        pixel_size_angstrom: From the header's resolution, None where that makes no sense.
    """

    __slots__ = (
        "_file", "_pages", "_strips", "dtype", "metadata", "path", "pixel_size_angstrom", "shape",
    )  # fmt: skip

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: Mapping[str, str] = {}
        self._file = open_tiff_file(path)
        try:
            with decoding(path):
                self._pages: list[Page] = list(self._file.pages)
                check_pages(path, self._pages, self._file.filehandle.size)
                first = self._pages[0].aspage()
                self.shape: tuple[int, int, int] = (len(self._pages), *first.shape)
                self.dtype: np.dtype[Any] = np.dtype(first.dtype).newbyteorder("=")
                self.pixel_size_angstrom = _pixel_size(first)
            if self.dtype.name not in _DTYPES:
                raise BadInput(f"{path}: pixels of {self.dtype.name} are not read; convert it")
            self._strips = LzwStrips.of(path, self._pages)
        except BaseException:
            self._file.close()
            raise

    def raw_frame(self, index: int) -> Frame:
        """Return a frame, ``(rows, columns)``, in the file's number type."""
        frame = np.empty(self.shape[1:], self.dtype)
        self.read_raw(index, frame)
        return frame

    def read_raw(self, index: int, out: Frame) -> None:
        """Read a frame into ``(rows, columns)`` of the file's number type."""
        if not 0 <= index < self.shape[0]:
            raise IndexError(f"{self.path}: no frame {index}, it has {self.shape[0]}")
        with decoding(self.path):
            if self._strips is not None and self._strips.read_flipped(index, out):
                return
            # One thread a frame: frames are what is shared out.
            pixels = self._pages[index].asarray(maxworkers=1)
            if pixels.shape != self.shape[1:]:
                raise BadInput(f"{self.path}: frame {index + 1} decodes to shape {pixels.shape}")
            out[:] = pixels[::-1]

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a frame, ``(rows, columns) float32``."""
        return self.raw_frame(index).astype(np.float32, copy=False)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        if self._strips is not None:
            self._strips.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _pixel_size(page: Page) -> float | None:
    """Return the pixel size that the resolution tags tell, as SerialEM and IMOD write it."""
    numerator, denominator = page.tags.valueof("XResolution", (0, 0))
    unit = _ANGSTROM_PER_UNIT.get(int(page.tags.valueof("ResolutionUnit", 2)))
    if not numerator or not denominator or unit is None:
        return None
    return float(unit * denominator / numerator)
