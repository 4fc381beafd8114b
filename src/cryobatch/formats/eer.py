"""Read EER movies: electron events, grouped to dose fractions."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.eer_bits import EventBits
from cryobatch.formats.mrc import Frame
from cryobatch.formats.reading import PlainFile
from cryobatch.formats.safe_xml import parse_xml
from cryobatch.formats.tiff_pages import Page, check_pages, decoding, open_tiff_file

_COMPRESSIONS = (65000, 65001, 65002)
_METADATA_TAG = 65001
_BITS_TAGS = (65007, 65008, 65009)
_BITS = {
    65000: EventBits(8, 2, 2), 65001: EventBits(7, 2, 2), 65002: EventBits(7, 2, 2),
}  # fmt: skip

UPSAMPLINGS = (1, 2, 4)


class EerMovie:
    """An open EER file; row 0 is the first stored row (EER is not flipped).

    Args:
        path: The file.
        frames_per_fraction: Hardware frames that are summed to one; what is left at the end is
            dropped, since its dose is not that of the others.
        upsampling: 1: the camera's pixels; 2, 4: halves and quarters, from the events' places.

    Attributes:
        shape: ``(fractions, rows, columns)``.
        hardware_frames: Frames in the file.
        metadata: Items of the file's XML by name.
    """

    __slots__ = (
        "_bits", "_places", "_source", "_upsampling", "dtype", "frames_per_fraction",
        "hardware_frames", "metadata", "path", "pixel_size_angstrom", "shape",
    )  # fmt: skip

    def __init__(self, path: Path, frames_per_fraction: int = 1, upsampling: int = 1) -> None:
        if frames_per_fraction < 1 or upsampling not in UPSAMPLINGS:
            raise ValueError(f"{path}: {frames_per_fraction} frames, upsampling {upsampling}")
        self.path = path
        self.pixel_size_angstrom: float | None = None
        self.frames_per_fraction = frames_per_fraction
        self._upsampling = upsampling
        rows, columns = self._read_pages(path)
        self.shape: tuple[int, int, int] = (
            self.hardware_frames // frames_per_fraction,
            rows * upsampling,
            columns * upsampling,
        )
        if self.shape[0] == 0:
            raise BadInput(
                f"{path}: {self.hardware_frames} frames are fewer than the {frames_per_fraction} "
                "of one dose fraction; choose a smaller dose a fraction"
            )
        # A pixel gets at most one electron in a hardware frame.
        self.dtype: np.dtype[Any] = np.dtype("uint8" if frames_per_fraction < 256 else "uint16")
        with decoding(path):
            self._source: PlainFile = PlainFile(path)

    def _read_pages(self, path: Path) -> tuple[int, int]:
        file = open_tiff_file(path)
        with file, decoding(path):
            self.metadata: Mapping[str, str] = read_metadata(file.pages.first, str(path))
            pages = [page for page in file.pages if page.compression in _COMPRESSIONS]
            check_pages(path, pages, file.filehandle.size)
            self._bits = _read_bits(pages[0])
            self._places = [
                list(zip(page.dataoffsets, page.databytecounts, strict=True)) for page in pages
            ]
            self.hardware_frames = len(pages)
            rows, columns = pages[0].shape
        return int(rows), int(columns)

    def raw_frame(self, index: int) -> Frame:
        """Return a dose fraction, ``(rows, columns)``: electrons in each pixel."""
        counts = np.empty(self.shape[1:], self.dtype)
        self.read_raw(index, counts)
        return counts

    def read_raw(self, index: int, out: Frame) -> None:
        """Read a dose fraction into ``(rows, columns)`` of ``dtype``, C order."""
        if not 0 <= index < self.shape[0]:
            raise IndexError(f"{self.path}: no fraction {index}, it has {self.shape[0]}")
        # numba takes a third of a second to import: only who decodes pixels needs it.
        from cryobatch.formats.eer_events import add_events

        with decoding(self.path):
            first = index * self.frames_per_fraction
            data, ends = self._read_frames(range(first, first + self.frames_per_fraction))
            out[:] = 0
            finer = self._upsampling
            add_events(data, ends, self._bits, (out.shape[0] // finer, out.shape[1] // finer), out)

    def _read_frames(self, numbers: range) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the bytes of hardware frames, and where each begins and the last one ends."""
        from cryobatch.formats.eer_events import SLACK

        data, ends = bytearray(), [0]
        for number in numbers:
            for offset, size in self._places[number]:
                data += self._source.read_at(offset, size)
            ends.append(ends[-1] + sum(size for _, size in self._places[number]))
            if len(data) < ends[-1]:
                raise BadInput(
                    f"{self.path}: ends within hardware frame {number + 1}; copy it again"
                )
        data += bytes(SLACK)
        return np.frombuffer(data, np.uint8), np.array(ends, np.int64)

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a dose fraction, ``(rows, columns) float32``."""
        return self.raw_frame(index).astype(np.float32)

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


def read_metadata(page: Page, where: str) -> dict[str, str]:
    """Return the items of an EER file's XML by name, such as ``exposureTime``."""
    tag = page.tags.get(_METADATA_TAG)
    if tag is None or not isinstance(tag.value, bytes):
        return {}
    root = parse_xml(tag.value.rstrip(b"\x00"), where)
    return {
        item.attrib["name"]: (item.text or "").strip()
        for item in root.iter("item")
        if "name" in item.attrib
    }


def _read_bits(page: Page) -> EventBits:
    usual = _BITS[int(page.compression)]
    if page.compression != 65002:
        return usual
    places = zip(_BITS_TAGS, (usual.skip, usual.x, usual.y), strict=True)
    bits = EventBits(*(int(page.tags.valueof(tag, default)) for tag, default in places))
    if not bits.are_sensible:
        raise ValueError(f"electrons in {bits}")
    return bits
