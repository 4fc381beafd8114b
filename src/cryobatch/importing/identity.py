"""Tell whether two files are the same recording."""

import hashlib
from pathlib import Path

from cryobatch.formats.reading import PlainFile, reading

SAMPLE_BYTES = 65_536


def identify(path: Path, *, name: str | None = None) -> str:
    """Return the identity of a recording: a digest of its name, its size, its first and last 64 kB.

    Folder and times are no part of it: a recording that was copied to another disk, or touched, is
    still the same exposure, and is not imported twice. A file that was written anew has another
    header or other counts. Reading all of it would cost minutes a session.

    Args:
        path: The file.
        name: What it was called; None: as it is.

    Raises:
        BadInput: The file cannot be read.
    """
    with reading(path):
        file = PlainFile(path)
        try:
            size = file.size_bytes()
            first = file.read_at(0, SAMPLE_BYTES)
            last = file.read_at(max(0, size - SAMPLE_BYTES), SAMPLE_BYTES)
        finally:
            file.close()
    digest = hashlib.sha256(f"{name or path.name}\0{size}\0".encode("utf-8", "surrogateescape"))
    digest.update(first)
    digest.update(last)
    return digest.hexdigest()[:32]
