"""Movie files as cameras write them, from simulated counts: TIFF, super-resolution TIFF, EER."""

from pathlib import Path

import numba
import numpy as np
import tifffile
from numpy.typing import NDArray

Counts = NDArray[np.uint8]

_EER_7_BITS = 65001
_LONGEST = 127


def write_tiff(path: Path, frames: Counts, *, super_resolution: bool = False) -> None:
    """Write ``(frames, rows, columns)`` with LZW, the first row on top, as SerialEM and EPU do.

    With super-resolution each electron goes to one of the four quarters of its pixel.
    """
    random = np.random.default_rng(7)
    with tifffile.TiffWriter(path, bigtiff=frames.nbytes > 2**30) as file:
        for frame in frames:
            written = _quartered(frame, random) if super_resolution else frame
            file.write(written[::-1], compression="lzw", contiguous=False, metadata=None)


def _quartered(frame: Counts, random: np.random.Generator) -> Counts:
    rows, columns = frame.shape
    fine = np.zeros((2 * rows, 2 * columns), np.uint8)
    upper = random.binomial(frame, 0.5).astype(np.uint8)
    for half, part in ((0, upper), (1, frame - upper)):
        left = random.binomial(part, 0.5).astype(np.uint8)
        fine[half::2, 0::2] = left
        fine[half::2, 1::2] = part - left
    return fine


def write_eer(path: Path, frames: Counts, hardware_frames: int) -> None:
    """Write an EER movie whose electrons are those of ``frames``, each spread over more frames.

    No library writes EER: the events are encoded by the description that camera's maker gives
    (distances of 7 bits, then 4 bits of the place within the pixel), as raw pages whose number of
    compression is put in afterwards.

    Args:
        path: The file.
        frames: ``(frames, rows, columns)`` uint8.
        hardware_frames: Into how many each of them is divided.
    """
    shape = frames.shape[1:]
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, frame in enumerate(frames):
            for part in range(hardware_frames):
                data = _encode(frame, part, hardware_frames, number + 1).tobytes()
                file.write(
                    iter([data]), shape=shape, dtype=np.uint8, rowsperstrip=shape[0],
                    compression="zlib", contiguous=False, metadata=None,
                )  # fmt: skip
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            page.tags["Compression"].overwrite(_EER_7_BITS)


@numba.njit(cache=True)
def _encode(frame, part, parts, seed):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the bytes of one hardware frame: the electrons of a frame that fall into it."""
    bits = np.zeros(frame.size // 4 + 4096, np.uint8)
    place, distance = 0, 0
    for pixel in range(frame.size):
        here = False
        for electron in range(frame.flat[pixel]):
            mixed = np.uint64(pixel * 64 + electron * 7 + seed * 1_000_003) * np.uint64(
                0x9E3779B97F4A7C15
            )
            here = here or (mixed >> np.uint64(40)) % np.uint64(parts) == np.uint64(part)
        if not here:
            distance += 1
            continue
        while distance >= _LONGEST:
            place = _put(bits, place, _LONGEST, 7)
            distance -= _LONGEST
        place = _put(bits, place, distance, 7)
        place = _put(bits, place, pixel % 16, 4)
        distance = 0
    while distance >= _LONGEST:
        place = _put(bits, place, _LONGEST, 7)
        distance -= _LONGEST
    place = _put(bits, place, distance, 7)
    length = place // 8 + 1
    return bits[: length + 4 + length % 2]


@numba.njit(cache=True, inline="always")
def _put(bits, place, value, count):  # type: ignore[no-untyped-def]  # numba infers the types
    for bit in range(count):
        if value >> bit & 1:
            bits[(place + bit) // 8] |= np.uint8(1 << ((place + bit) % 8))
    return place + count
