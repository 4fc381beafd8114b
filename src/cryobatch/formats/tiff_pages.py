"""The pages of a TIFF or EER file, checked before anything is decoded."""

import logging
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tifffile

from cryobatch.errors import BadInput
from cryobatch.formats.mrc_header import MOST_FRAMES, MOST_PIXELS
from cryobatch.formats.reading import reading, require_file
from cryobatch.formats.tiff_chain import MOST_COMPRESSION, count_pages

Page = Any
"""A page of tifffile, which publishes no types."""

_DECODER_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError,
    TypeError, ValueError, struct.error,
)  # fmt: skip


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Raise BadInput for whatever tifffile and imagecodecs report about a broken file inside.

    They trust what the file says and stumble over it in many ways.
    """
    try:
        with reading(path):
            yield
    except _DECODER_ERRORS as error:
        said = str(error).split("\n", 1)[0][:200]
        raise BadInput(
            f"{path}: is broken ({type(error).__name__}: {said}); copy it again from the microscope"
        ) from error


def open_tiff_file(path: Path) -> Any:
    """Open a file with tifffile (Any: it publishes no types), safe for several threads."""
    with decoding(path):
        require_file(path)
        if path.stat().st_size == 0:
            raise BadInput(f"{path}: is empty; copy it again from the microscope")
        promised = count_pages(path)
        # What is wrong with a file is told once, in our words: not on standard error besides.
        logging.getLogger("tifffile").disabled = True
        file = tifffile.TiffFile(path)
        # Threads that read pages share one file position.
        file.filehandle.set_lock(True)
        if len(file.pages) != promised:
            file.close()
            raise BadInput(f"{path}: page {len(file.pages) + 1} is broken; copy it again")
        return file


def check_pages(path: Path, pages: Sequence[Page], size_bytes: int) -> None:
    """Refuse pages whose sizes differ, cannot be true, or reach beyond the end of the file."""
    if not pages:
        raise BadInput(f"{path}: has no frame; the recording was not finished, copy it again")
    if len(pages) > MOST_FRAMES:
        raise BadInput(f"{path}: claims {len(pages)} frames, which no camera makes")
    first = pages[0]
    for number, page in enumerate(pages, start=1):
        where = f"{path}: frame {number} of {len(pages)}"
        if page.shape != first.shape or page.dtype != first.dtype:
            raise BadInput(
                f"{where} is {page.shape} {page.dtype}, the first is {first.shape} {first.dtype}; "
                "all frames must agree"
            )
        _check_size(where, page)
        _check_bytes(where, page, size_bytes)


def _check_size(where: str, page: Page) -> None:
    if len(page.shape) != 2 or page.dtype is None:
        raise BadInput(f"{where}: has shape {page.shape}, a frame is rows and columns of one value")
    rows, columns = page.shape
    if not 0 < rows * columns <= MOST_PIXELS:
        raise BadInput(f"{where}: claims {columns} x {rows} pixels, which no camera makes")


def _check_bytes(where: str, page: Page, size_bytes: int) -> None:
    offsets, counts = page.dataoffsets, page.databytecounts
    if not counts or len(offsets) != len(counts) or min(counts) <= 0 or min(offsets) <= 0:
        raise BadInput(f"{where}: its pixels are missing; the recording was not finished")
    if max(map(sum, zip(offsets, counts, strict=True))) > size_bytes:
        raise BadInput(f"{where}: ends beyond the file, which is truncated; copy it again")
    pixels = page.shape[0] * page.shape[1]
    if pixels > MOST_COMPRESSION * sum(counts):
        raise BadInput(f"{where}: {sum(counts)} bytes cannot hold {pixels} pixels; copy it again")
