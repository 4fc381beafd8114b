"""Count the pages of a TIFF file by walking its chain of page headers.

tifffile ends its list of pages in silence where the chain is broken: a movie would lose its last
frames, and nobody would know.
"""

import struct
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.mrc_header import MOST_FRAMES
from cryobatch.formats.reading import PlainFile

_LAYOUTS = {42: (4, "I", 2, "H", 12), 43: (8, "Q", 8, "Q", 20)}
"""By version (TIFF 6.0, section 2; BigTIFF): place of the first offset, its type, bytes and type of
a page's number of entries, bytes of an entry."""


def count_pages(path: Path) -> int:
    """Return how many pages a file's chain of headers has.

    Raises:
        BadInput: It is no TIFF, or its chain leaves the file, bites its tail or has no end.
    """
    file = PlainFile(path)
    try:
        return _walk(path, file)
    finally:
        file.close()


def _walk(path: Path, file: PlainFile) -> int:
    start = file.read_at(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(bytes(start[:2]))
    version = struct.unpack_from(f"{order}H", start, 2)[0] if order and len(start) == 16 else 0
    if order is None or version not in _LAYOUTS:
        raise BadInput(f"{path}: is no TIFF file; copy it again from the microscope")
    place, kind, count_bytes, count_kind, entry_bytes = _LAYOUTS[version]
    (offset,) = struct.unpack_from(f"{order}{kind}", start, place)
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= MOST_FRAMES:
            raise BadInput(f"{path}: its list of pages has no end; copy it again")
        seen.add(offset)
        count = _number(path, file, offset, order + count_kind, len(seen))
        link = offset + count_bytes + count * entry_bytes
        offset = _number(path, file, link, order + kind, len(seen))
    return len(seen)


def _number(path: Path, file: PlainFile, place: int, kind: str, page: int) -> int:
    size = struct.calcsize(kind)
    data = file.read_at(place, size)
    if len(data) < size:
        raise BadInput(
            f"{path}: the list of its pages leads out of the file at page {page}; it is truncated "
            "or broken, copy it again"
        )
    return int(struct.unpack(kind, data)[0])
