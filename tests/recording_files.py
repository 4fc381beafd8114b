"""Recordings to test with, written independently of the code that reads them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import tifffile
from numpy.typing import NDArray

Frames = NDArray[Any]
"""``(frames, rows, columns)`` of any number type."""

Event = tuple[int, int, int]
"""Row, column and the 4 bits of the place within the pixel: x in the lower two, y above."""

_SKIP_BITS = {65000: 8, 65001: 7, 65002: 7}


def write_mrc(path: Path, frames: Frames, pixel_size_angstrom: float = 0.0) -> Path:
    """Write an MRC stack with the package mrcfile."""
    with mrcfile.new(path) as file:
        file.set_data(frames)
        file.voxel_size = pixel_size_angstrom
    return path


def write_tiff(
    path: Path, frames: Frames, compression: str | None = "lzw", order: str = "<", **more: Any
) -> Path:
    """Write a TIFF with one page a frame, the first row on top as TIFF has it.

    Args:
        order: Byte order.
        more: What else tifffile's writer takes (Any: of many types).
    """
    with tifffile.TiffWriter(path, byteorder=order) as file:
        for frame in frames[:, ::-1]:
            file.write(frame, compression=compression, contiguous=False, **more)
    return path


def write_eer(
    path: Path,
    frames: Iterable[Iterable[Event]],
    shape: tuple[int, int],
    *,
    compression: int = 65001,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write an EER movie: events of each hardware frame as run lengths.

    ``tifffile`` reads this compression but cannot write it: pages are written as raw bytes, and the
    number of the compression is put in afterwards.
    """
    items = "".join(f'<item name="{k}">{v}</item>' for k, v in (metadata or {}).items())
    xml = f"<metadata>{items}</metadata>".encode()
    data = [encode_events(events, shape, _SKIP_BITS[compression]) for events in frames]
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for encoded in data:
            file.write(
                iter([encoded]),
                shape=shape,
                dtype=np.uint8,
                rowsperstrip=shape[0],
                compression="zlib",
                contiguous=False,
                metadata=None,
                extratags=[(65001, 7, len(xml), xml, False)],
            )
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            page.tags["Compression"].overwrite(compression)
    return path


def encode_events(events: Iterable[Event], shape: tuple[int, int], skip_bits: int = 7) -> bytes:
    """Return a hardware frame's events as EER's bit stream."""
    bits: list[int] = []
    longest = (1 << skip_bits) - 1

    def put(value: int, count: int) -> None:
        bits.extend(value >> place & 1 for place in range(count))

    def skip(pixels: int) -> None:
        for _ in range(pixels // longest):
            put(longest, skip_bits)
        put(pixels % longest, skip_bits)

    place = 0
    for row, column, within in sorted(events):
        skip(row * shape[1] + column - place)
        put(within, 4)
        place = row * shape[1] + column + 1
    skip(shape[0] * shape[1] - place)
    encoded = np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()
    return encoded + bytes(4 + len(encoded) % 2)


def make_events(
    frames: int, shape: tuple[int, int], electrons: int, seed: int = 1
) -> list[list[Event]]:
    """Return random events, none twice in a pixel of a hardware frame."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(frames):
        places = random.choice(shape[0] * shape[1], electrons, replace=False).tolist()
        within = random.integers(16, size=electrons).tolist()
        found.append(
            [(p // shape[1], p % shape[1], w) for p, w in zip(places, within, strict=True)]
        )
    return found


def count_events(events: Iterable[Iterable[Event]], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return electrons a pixel over some hardware frames."""
    counts = np.zeros(shape, np.int64)
    for frame in events:
        for row, column, _ in frame:
            counts[row, column] += 1
    return counts
