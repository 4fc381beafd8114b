"""Tell what a file is that has a recording's name and is none, by its first bytes."""

from cryobatch.formats.movie import RecordingKind

START_BYTES = 512

_STARTS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "compressed by gzip, which its name does not say"),
    (b"BZh", "compressed by bzip2, which its name does not say"),
    (b"\xfd7zXZ\x00", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x7fELF", "a program"),
    (b"\x00\x00\x00\x03", "a DigitalMicrograph file"),
    (b"\x00\x00\x00\x04", "a DigitalMicrograph file"),
)
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""TIFF 6.0, section 2, and BigTIFF."""
_PLAIN = frozenset(range(32, 127)) | {9, 10, 12, 13}


def find_likeness(start: bytes, kind: RecordingKind) -> str:
    """Return what a file is instead of a recording, empty where it may be one.

    >>> find_likeness(b"hello, this is a readme", "tiff")
    'text'
    >>> find_likeness(bytes(512), "tiff")
    ''

    Args:
        start: The file's first bytes, at most ``START_BYTES``.
        kind: What its name says.
    """
    is_tiff = start.startswith(_TIFF_STARTS)
    if kind != "mrc":
        if is_tiff or not any(start):
            return ""
        if start[208:211] == b"MAP":
            return "an MRC file"
        return _name(start) or ("something else" if len(start) >= 16 else "")
    if is_tiff:
        return "a TIFF file"
    return "" if start[208:211] == b"MAP" else _name(start)


def _name(start: bytes) -> str:
    for mark, words in _STARTS:
        if start.startswith(mark):
            return words
    text = start.lstrip(b"\xef\xbb\xbf")
    return "text" if len(text) >= 8 and all(byte in _PLAIN for byte in text) else ""
