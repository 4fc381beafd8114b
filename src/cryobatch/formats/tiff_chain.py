"""Count the pages of a TIFF file by walking its chain of page headers.

tifffile ends its list of pages in silence where the chain is broken: a movie would lose its last
frames, and nobody would know. It also believes a broken height, and takes gigabytes for strips that
are not there: the number of strips is compared before.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.mrc_header import MOST_FRAMES
from cryobatch.formats.reading import PlainFile

_LAYOUTS = {42: (4, "I", 2, "H", 12), 43: (8, "Q", 8, "Q", 20)}
"""By version (TIFF 6.0, section 2; BigTIFF): place of the first offset, its type, bytes and type of
a page's number of entries, bytes of an entry."""

_IMAGE_WIDTH, _IMAGE_LENGTH, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTE_COUNTS = 256, 257, 277, 278, 279
_WHOLE_NUMBERS = {3: "H", 4: "I", 16: "Q"}
"""By type of a field (TIFF 6.0, section 2): SHORT, LONG, and BigTIFF's LONG8."""
MOST_ENTRIES = 4096
MOST_COMPRESSION = 4096
"""No compression of the field makes so little of a frame: beyond it the sizes lie. One code of LZW
stands for 4 kB at most, and deflate ends at 1 : 1032."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One page's header, as it stands in the file.

    Args:
        order: The file's byte order, ``<`` or ``>``.
        kind: Type of its offsets, ``I`` or ``Q``.
        entries: Its entries, byte for byte.
        end: Place in the file behind it and its link to the next.
    """

    order: str
    kind: str
    entries: bytes
    end: int


def count_pages(path: Path) -> int:
    """Return how many pages a file's chain of headers has.

    Raises:
        BadInput: It is no TIFF, or its chain leaves the file, bites its tail or has no end.
    """
    file = PlainFile(path)
    try:
        return sum(1 for _ in walk_pages(path, file))
    finally:
        file.close()


def walk_pages(path: Path, file: PlainFile) -> Iterator[Directory]:
    """Yield the headers of a file's pages, each once its sizes were found to agree.

    Raises:
        BadInput: It is no TIFF, or its chain leaves the file, bites its tail or has no end.
    """
    start = file.read_at(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(bytes(start[:2]))
    version = struct.unpack_from(f"{order}H", start, 2)[0] if order and len(start) == 16 else 0
    if order is None or version not in _LAYOUTS:
        raise BadInput(f"{path}: it is no TIFF file; copy it again from the microscope")
    place, kind, count_bytes, count_kind, entry_bytes = _LAYOUTS[version]
    (offset,) = struct.unpack_from(f"{order}{kind}", start, place)
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= MOST_FRAMES:
            raise BadInput(f"{path}: its list of pages has no end; copy it again")
        seen.add(offset)
        count = _number(path, file, offset, order + count_kind, len(seen))
        entries = file.read_at(offset + count_bytes, min(count, MOST_ENTRIES) * entry_bytes)
        _check_strips(path, _read_entries(entries, order, kind, entry_bytes), len(seen))
        link = offset + count_bytes + count * entry_bytes
        offset = _number(path, file, link, order + kind, len(seen))
        yield Directory(order, kind, bytes(entries), link + struct.calcsize(f"<{kind}"))


def _read_entries(
    data: bytes | bytearray, order: str, kind: str, entry_bytes: int
) -> dict[int, tuple[int, int]]:
    """Return count and first value of a page's whole numbers, by tag."""
    found = {}
    place = 4 + struct.calcsize(f"<{kind}")
    for start in range(0, len(data) - entry_bytes + 1, entry_bytes):
        tag, field_type, count = struct.unpack_from(f"{order}HH{kind}", data, start)
        if field_type in _WHOLE_NUMBERS:
            number = struct.unpack_from(order + _WHOLE_NUMBERS[field_type], data, start + place)
            found[tag] = (count, number[0])
    return found


def _check_strips(path: Path, entries: dict[int, tuple[int, int]], page: int) -> None:
    strips, height = entries.get(_STRIP_BYTE_COUNTS), entries.get(_IMAGE_LENGTH)
    width = entries.get(_IMAGE_WIDTH)
    if width is None or height is None:
        raise BadInput(f"{path}: page {page} says no width or no height; it is broken, copy again")
    if strips is None or entries.get(_SAMPLES, (1, 1))[1] != 1:
        return
    if strips[0] == 1 and width[1] * height[1] > MOST_COMPRESSION * strips[1]:
        raise BadInput(
            f"{path}: page {page} has {strips[1]} bytes, too few for {width[1]} x {height[1]} "
            "pixels; it is broken, copy it again"
        )
    rows = max(1, min(entries.get(_ROWS_PER_STRIP, (1, height[1]))[1], height[1]))
    asked = -(-height[1] // rows)
    if strips[0] != asked:
        raise BadInput(
            f"{path}: page {page} lists {strips[0]} strips, and its height of {height[1]} asks for "
            f"{asked}; it is broken, copy it again"
        )


def _number(path: Path, file: PlainFile, place: int, kind: str, page: int) -> int:
    size = struct.calcsize(kind)
    data = file.read_at(place, size)
    if len(data) < size:
        raise BadInput(
            f"{path}: the list of its pages leads out of the file at page {page}; it is truncated "
            "or broken, copy it again"
        )
    return int(struct.unpack(kind, data)[0])
