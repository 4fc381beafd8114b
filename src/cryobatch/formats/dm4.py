"""Read images of DigitalMicrograph (DM3, DM4), which Gatan's gain references are.

The format has no public specification; this follows what the field has found out: a header in big
endian, then a tree of tags, groups (20) and data (21), whose arrays are in the byte order that the
header names. The image is the largest array of the tree that has dimensions beside it; the others
are its thumbnails.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import Frame
from cryobatch.formats.mrc_header import MOST_PIXELS
from cryobatch.formats.reading import PlainFile, reading, require_file

ENDINGS = (".dm3", ".dm4")
_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_TYPES = {2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "u1", 9: "i1", 10: "u1",
          11: "i8", 12: "u8"}  # fmt: skip
"""Types of values by their numbers."""
_PIXELS = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8"}
"""Types of pixels by the number in the tag ``DataType``; others are complex, packed or coloured."""
MOST_TAGS = 200_000
MOST_DEPTH = 64
_WINDOW_BYTES = 1 << 16


@dataclass(slots=True)
class _Image:
    """What the tags of one ``ImageData`` group tell."""

    place: int = 0
    size_bytes: int = 0
    data_type: int = 0
    dimensions: tuple[int, ...] = ()


def read_dm4(path: Path) -> Frame:
    """Return the image of a DM3 or DM4 file, ``(rows, columns)`` of its own number type.

    Row 0 is the bottom of the image: DigitalMicrograph counts rows from the top, and IMOD's
    dm2mrc turns them over, as everybody does with a TIFF.

    Raises:
        BadInput: It cannot be read, is broken, or has no image of one plane.
    """
    with _open(path) as file:
        image = _choose(path, _Tags(path, file).read())
        data = file.read_at(image.place, image.size_bytes)
    columns, rows = image.dimensions[:2]
    if len(data) < image.size_bytes:
        raise BadInput(f"{path}: ends within its pixels; copy it again")
    pixels = np.frombuffer(data, image_dtype(image.data_type)).reshape(rows, columns)
    return np.ascontiguousarray(pixels[::-1])


def dm4_shape(path: Path) -> tuple[int, int]:
    """Return rows and columns of the image of a DM3 or DM4 file; its pixels are not read.

    Raises:
        BadInput: As ``read_dm4``.
    """
    with _open(path) as file:
        columns, rows = _choose(path, _Tags(path, file).read()).dimensions[:2]
    return rows, columns


@contextmanager
def _open(path: Path) -> Iterator[PlainFile]:
    with reading(path):
        require_file(path)
        file = PlainFile(path)
        try:
            yield file
        finally:
            file.close()


def image_dtype(data_type: int) -> np.dtype[np.generic]:
    """Return the number type of pixels; all files of the field's cameras are little endian."""
    return np.dtype("<" + _PIXELS[data_type])


def _choose(path: Path, images: list[_Image]) -> _Image:
    """Return the largest image that makes sense."""
    found = [
        image
        for image in images
        if image.data_type in _PIXELS
        and len(image.dimensions) >= 2
        and prod(image.dimensions[2:]) == 1
        and 0 < prod(image.dimensions[:2]) <= MOST_PIXELS
        and prod(image.dimensions[:2]) * image_dtype(image.data_type).itemsize == image.size_bytes
    ]
    if not found:
        raise BadInput(f"{path}: has no image of one plane; give the gain reference as MRC or TIFF")
    return max(found, key=lambda image: image.size_bytes)


class _Tags:
    """Walks the tags of an open file."""

    def __init__(self, path: Path, file: PlainFile) -> None:
        self._path = path
        self._file = file
        self._place = 0
        self._count = 0
        self._window = (0, b"")
        self._images: list[_Image] = []
        self._long = "q"
        self._order = "<"

    def read(self) -> list[_Image]:
        """Return the images of all ``ImageData`` groups."""
        version = self._take(">i")
        if version not in (3, 4):
            raise BadInput(f"{self._path}: is no DM3 or DM4 file; copy it again")
        self._long = "q" if version == 4 else "i"
        self._take(">" + self._long)
        if self._take(">i") != 1:
            raise BadInput(f"{self._path}: is in big endian, which is not read; save it again")
        self._read_group("", _Image(), 0)
        return self._images

    def _read_group(self, name: str, image: _Image, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise BadInput(f"{self._path}: its tags have no end; copy it again")
        own = _Image() if name == "ImageData" else image
        self._place += 2  # sorted, open
        for _ in range(self._take(">" + self._long)):
            self._count += 1
            if self._count > MOST_TAGS:
                raise BadInput(f"{self._path}: has more tags than an image needs; copy it again")
            self._read_tag(name, own, depth)
        if name == "ImageData":
            self._images.append(own)

    def _read_tag(self, group: str, image: _Image, depth: int) -> None:
        kind, length = self._take(">B"), self._take(">H")
        name = self._bytes(length).decode("latin-1")
        if self._long == "q":
            self._take(">q")  # length of the tag
        if kind == _GROUP:
            self._read_group(name, image, depth + 1)
        elif kind == _DATA:
            self._read_data(group, name, image)
        else:
            raise BadInput(f"{self._path}: has a tag of unknown kind {kind}; copy it again")

    def _read_data(self, group: str, name: str, image: _Image) -> None:
        if self._bytes(4) != b"%%%%":
            raise BadInput(f"{self._path}: its tags are broken; copy it again")
        count = self._take(">" + self._long)
        if not 1 <= count <= 1000:
            raise BadInput(f"{self._path}: its tags are broken; copy it again")
        info = [self._take(">" + self._long) for _ in range(count)]
        size = self._size_of(info)
        if group == "ImageData" and name == "Data":
            image.place, image.size_bytes = self._place, size
        elif count == 1 and info[0] in _TYPES and size <= 8:
            self._keep(group, name, image, info[0])
            return
        self._place += size

    def _keep(self, group: str, name: str, image: _Image, kind: int) -> None:
        value = np.frombuffer(self._bytes(np.dtype(_TYPES[kind]).itemsize), "<" + _TYPES[kind])[0]
        if group == "ImageData" and name == "DataType":
            image.data_type = self._whole(value)
        elif group == "Dimensions":
            image.dimensions = (*image.dimensions, self._whole(value))

    def _whole(self, value: np.generic) -> int:
        if not isinstance(value, np.integer):
            raise BadInput(f"{self._path}: its tags are broken; copy it again")
        return int(value)

    def _size_of(self, info: list[int]) -> int:
        """Return the bytes of a value, from the numbers that describe it."""
        try:
            size = _measure(info)
        except (IndexError, KeyError):
            raise BadInput(f"{self._path}: its tags are broken; copy it again") from None
        if not 0 <= size <= self._file.size_bytes():
            raise BadInput(f"{self._path}: a tag reaches beyond the file; copy it again")
        return size

    def _take(self, kind: str) -> int:
        return int(struct.unpack(kind, self._bytes(struct.calcsize(kind)))[0])

    def _bytes(self, count: int) -> bytes:
        """Return the next bytes; what is around them is read at once."""
        start, window = self._window
        offset = self._place - start
        if offset < 0 or offset + count > len(window):
            window = bytes(self._file.read_at(self._place, max(count, _WINDOW_BYTES)))
            self._window, offset = (self._place, window), 0
        data = window[offset : offset + count]
        if len(data) < count:
            raise BadInput(f"{self._path}: ends within its tags; it is truncated, copy it again")
        self._place += count
        return data


def _measure(info: list[int]) -> int:
    if info[0] == _STRUCT:
        return _measure_struct(info)
    if info[0] == _STRING:
        return 2 * info[1]
    if info[0] == _ARRAY:
        each = _measure_struct(info[1:-1]) if info[1] == _STRUCT else _measure(info[1:2])
        return each * info[-1]
    return np.dtype(_TYPES[info[0]]).itemsize


def _measure_struct(info: list[int]) -> int:
    """Return the bytes of a structure: name's length, number of fields, name and type of each."""
    return sum(np.dtype(_TYPES[info[4 + 2 * field]]).itemsize for field in range(info[2]))
