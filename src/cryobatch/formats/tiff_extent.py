"""Measure how far the pages of a TIFF or EER file reach, from its headers alone."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.reading import PlainFile
from cryobatch.formats.tiff_chain import Directory, walk_pages

_COMPRESSION = 259
_PLACES = {273: 279, 324: 325}
"""Tags of the places of strips and tiles, with those of their sizes (TIFF 6.0, sections 8, 15)."""
_EER_METADATA = 65001
_EER_COMPRESSIONS = (65000, 65001, 65002)

_FIELD_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
                16: 8, 17: 8, 18: 8}  # fmt: skip
"""Bytes of one value by type of a field (TIFF 6.0, section 2; BigTIFF adds 16 to 18)."""
_WHOLE_NUMBERS = {3: "u2", 4: "u4", 16: "u8"}
MOST_STRIPS = 1 << 20
MOST_METADATA_BYTES = 1 << 20

Fields = dict[int, tuple[int, int, int]]
"""By tag: type, count, and the place of the values in the file, or the one value itself."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What the headers of a file's pages tell of its length.

    Args:
        pages: How many there are, of an EER those that hold a frame.
        end: Place behind everything that the headers name: pixels, lists, texts, headers.
        last: Place and size of the last strip of the last page.
        metadata: An EER's XML, empty for others.
    """

    pages: int
    end: int
    last: tuple[int, int]
    metadata: bytes


def measure_extent(path: Path, file: PlainFile) -> Extent:
    """Return how far the pages of an open file reach.

    Raises:
        BadInput: Its chain of headers is broken, or a page names no pixels.
    """
    pages, end, last, metadata = 0, 0, (0, 0), b""
    for number, directory in enumerate(walk_pages(path, file), start=1):
        fields, reach = _read_fields(directory)
        first, size, strips_end = _reach_of_strips(path, file, directory, fields, number)
        end = max(end, directory.end, reach, strips_end)
        last = (first, size)
        if number == 1:
            metadata = _read_metadata(file, fields)
        if not metadata or fields.get(_COMPRESSION, (0, 0, 0))[2] in _EER_COMPRESSIONS:
            pages += 1
    return Extent(pages, end, last, metadata)


def _read_fields(directory: Directory) -> tuple[Fields, int]:
    """Return a page's fields, and the end of what stands outside of its header."""
    fields: Fields = {}
    reach = 0
    big = directory.kind == "Q"
    layout = f"{directory.order}HH{directory.kind}{directory.kind}"
    width = 64 if big else 32
    whole = len(directory.entries) - len(directory.entries) % (20 if big else 12)
    for tag, kind, count, value in struct.iter_unpack(layout, directory.entries[:whole]):
        size = _FIELD_BYTES.get(kind, 0) * count
        if size * 8 > width:
            reach = max(reach, value + size)
        elif directory.order == ">" and kind in _WHOLE_NUMBERS and count == 1:
            value >>= width - 8 * size
        elif kind in _WHOLE_NUMBERS and count == 1:
            value &= (1 << 8 * size) - 1
        fields[tag] = (kind, count, value)
    return fields, reach


def _reach_of_strips(
    path: Path, file: PlainFile, directory: Directory, fields: Fields, page: int
) -> tuple[int, int, int]:
    """Return place and size of a page's last strip, and the end of the farthest."""
    for places_tag, sizes_tag in _PLACES.items():
        if places_tag in fields and sizes_tag in fields:
            places = _read_numbers(file, directory, fields[places_tag])
            sizes = _read_numbers(file, directory, fields[sizes_tag])
            if len(places) == len(sizes) > 0 and places.min() > 0 and sizes.min() > 0:
                return int(places[-1]), int(sizes[-1]), int((places + sizes).max())
    raise BadInput(f"{path}: page {page} names no pixels; it was not finished")


def _read_numbers(
    file: PlainFile, directory: Directory, field: tuple[int, int, int]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a field's numbers as float64, which holds every place in a file and cannot overflow.

    None of them where they are cut off, or are no whole numbers.
    """
    kind, count, value = field
    code = _WHOLE_NUMBERS.get(kind)
    if code is None or not 0 < count <= MOST_STRIPS:
        return np.empty(0)
    if count == 1:
        return np.array([value], np.float64)
    size = _FIELD_BYTES[kind] * count
    inline = struct.calcsize(f"<{directory.kind}")
    data = (
        struct.pack(directory.order + directory.kind, value)[:size]
        if size <= inline
        else file.read_at(value, size)
    )
    if len(data) < size:
        return np.empty(0)
    return np.frombuffer(data, directory.order + code).astype(np.float64)


def _read_metadata(file: PlainFile, fields: Fields) -> bytes:
    kind, count, value = fields.get(_EER_METADATA, (0, 0, 0))
    if kind not in (1, 2, 7) or not 8 < count <= MOST_METADATA_BYTES:
        return b""
    return bytes(file.read_at(value, count)).rstrip(b"\x00")
