"""Prove from a recording's own bytes whether it is complete.

A file that was seen unchanged for a while may still be half of a recording: the microscope paused,
or the network did. What the format itself promises tells more, at the cost of a few reads.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.movie import RecordingKind, recording_kind
from cryobatch.formats.mrc import TRAILING_BYTES
from cryobatch.formats.mrc_header import HEADER_BYTES, parse_header
from cryobatch.formats.reading import PlainFile, reading, require_file
from cryobatch.formats.safe_xml import parse_xml
from cryobatch.formats.tiff_extent import measure_extent
from cryobatch.importing.likeness import START_BYTES, find_likeness

TAIL_BYTES = 4096
LEAST_HEADER_BYTES = 16
LEAST_TAIL_BYTES = 512
"""So many zeros at the end of the pixels are more likely room that was set aside than counts."""
COMPRESSED_START_BYTES = 65_536
_BZIP2_END = 0x177245385090
"""Mark of the end of a bzip2 stream, at any bit; a check sum of 4 bytes follows."""


class ProofState(StrEnum):
    """What is proven of a recording."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNPROVEN = "unproven"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a recording is complete.

    Args:
        state: "complete": nothing is missing. "incomplete": something is, or it is broken.
            "unproven": nothing is missing that can be seen, and more may come. "unfit": it is no
            recording, whatever its name says.
        reason: What is missing, wrong or cannot be proven, empty when it is complete.
    """

    state: ProofState
    reason: str = ""


def prove(path: Path, *, expected_frames: int | None = None) -> Proof:
    """Return whether a recording is complete, as far as a few reads can tell.

    Args:
        path: The file; its name tells the format.
        expected_frames: As its metadata say. A file with fewer is unproven, not incomplete: the
            microscope may have stopped early.
    """
    try:
        return _prove(path, expected_frames)
    except BadInput as error:
        return Proof(ProofState.INCOMPLETE, str(error).removeprefix(str(path)).lstrip(": "))


def _prove(path: Path, expected_frames: int | None) -> Proof:
    kind = recording_kind(path.name)
    if kind is None:
        return Proof(ProofState.UNPROVEN, "this kind of file does not say how long it is")
    with reading(path):
        require_file(path)
        file = PlainFile(path)
        try:
            packing = _packing(path, kind)
            likeness = find_likeness(bytes(file.read_at(0, START_BYTES)), kind)
            if likeness and packing == kind:
                return Proof(ProofState.UNFIT, f"it is no {kind.upper()} file, but {likeness}")
            return _PROVERS[packing](path, file, expected_frames)
        finally:
            file.close()


def _packing(path: Path, kind: RecordingKind) -> str:
    ending = path.suffix.lower()
    return ending if ending in {".gz", ".bz2"} else kind


def _prove_mrc(path: Path, file: PlainFile, expected_frames: int | None) -> Proof:
    size = file.size_bytes()
    header = parse_header(file.read_at(0, HEADER_BYTES), str(path))
    if size < header.file_bytes:
        return _incomplete(f"{size} of {header.file_bytes} bytes are there")
    if size > header.file_bytes + TRAILING_BYTES:
        more = size - header.file_bytes
        return _incomplete(f"there are {more} bytes more than its header promises yet")
    few = _too_few(header.shape[0], expected_frames)
    return few or _prove_written(file, header.data_offset, header.file_bytes)


def _prove_tiff(path: Path, file: PlainFile, expected_frames: int | None) -> Proof:
    size = file.size_bytes()
    if not any(file.read_at(0, LEAST_HEADER_BYTES)) or size < LEAST_HEADER_BYTES:
        return _incomplete("its header is not there yet")
    extent = measure_extent(path, file)
    if extent.pages == 0:
        return _incomplete("it has no frame yet")
    if extent.end > size:
        return _incomplete(f"{size} of {extent.end} bytes are there")
    stated = [_frames_of_eer(extent.metadata, str(path)), expected_frames]
    few = _too_few(extent.pages, max((item for item in stated if item), default=None))
    if few is not None:
        return few
    if size > extent.end + TRAILING_BYTES:
        more = size - extent.end
        return Proof(ProofState.UNPROVEN, f"{more} bytes behind its last frame are no frame yet")
    return _prove_written(file, *_span(extent.last))


def _prove_gzip(path: Path, file: PlainFile, expected_frames: int | None) -> Proof:
    """Compare the length that ends a gzip file (RFC 1952) with that which the header promises."""
    start = bytes(file.read_at(0, COMPRESSED_START_BYTES))
    try:
        content = zlib.decompressobj(wbits=31).decompress(start, HEADER_BYTES)
    except zlib.error as error:
        return _incomplete(f"its compression is broken ({error})")
    if len(content) < HEADER_BYTES:
        return _incomplete("it ends within its header")
    header = parse_header(content, str(path))
    few = _too_few(header.shape[0], expected_frames)
    promised = int.from_bytes(file.read_at(file.size_bytes() - 4, 4), "little")
    if promised != header.file_bytes % (1 << 32):
        return Proof(ProofState.UNPROVEN, "its compression hides whether it is complete")
    return few or Proof(ProofState.COMPLETE)


def _prove_bzip2(_: Path, file: PlainFile, __: int | None) -> Proof:
    """Look for the mark of the end: without it more must come, with it more may."""
    size = file.size_bytes()
    end = int.from_bytes(file.read_at(max(0, size - 11), 11), "big")
    marks = (end >> shift & (1 << 48) - 1 for shift in range(32, 41))
    if _BZIP2_END not in marks:
        return _incomplete("the end of its compression is not there")
    return Proof(ProofState.UNPROVEN, "its compression hides whether it is complete")


def _prove_written(file: PlainFile, first: int, end: int) -> Proof:
    """See that room which was set aside has been filled: copies may begin with the whole size."""
    hole = file.first_hole()
    if hole is not None and hole < end:
        return Proof(ProofState.UNPROVEN, f"nothing was written at byte {hole} yet")
    place = max(first, end - TAIL_BYTES)
    if end - place >= LEAST_TAIL_BYTES and not any(file.read_at(place, end - place)):
        return Proof(ProofState.UNPROVEN, "it ends with zeros, which may not be written yet")
    return Proof(ProofState.COMPLETE)


def _frames_of_eer(metadata: bytes, where: str) -> int | None:
    if not metadata:
        return None
    for item in parse_xml(metadata, where).iter("item"):
        text = (item.text or "").strip()
        if item.get("name") == "numberOfFrames" and text.isascii() and text.isdigit():
            return int(text[:9])
    return None


def _too_few(frames: int, expected: int | None) -> Proof | None:
    if expected is None or frames >= expected:
        return None
    return Proof(ProofState.UNPROVEN, f"{frames} of {expected} frames are there")


def _incomplete(reason: str) -> Proof:
    return Proof(ProofState.INCOMPLETE, reason)


def _span(strip: tuple[int, int]) -> tuple[int, int]:
    return strip[0], strip[0] + strip[1]


_PROVERS: dict[str, Callable[[Path, PlainFile, int | None], Proof]] = {
    "mrc": _prove_mrc,
    "tiff": _prove_tiff,
    "eer": _prove_tiff,
    ".gz": _prove_gzip,
    ".bz2": _prove_bzip2,
}
