"""Open any recording: MRC, TIFF or EER, by one way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import Frame, open_stack

RecordingKind = Literal["mrc", "tiff", "eer"]

_ENDINGS: Mapping[str, RecordingKind] = {
    ".mrc": "mrc", ".mrcs": "mrc", ".tif": "tiff", ".tiff": "tiff", ".eer": "eer",
}  # fmt: skip
_COMPRESSED = (".gz", ".bz2")


class Movie(Protocol):
    """A recording that is open; row 0 is the bottom of the image whatever the format."""

    path: Path
    shape: tuple[int, int, int]
    """``(frames, rows, columns)``."""
    dtype: np.dtype[Any]
    pixel_size_angstrom: float | None
    metadata: Mapping[str, str]
    """Other items of the header by name."""

    def raw_frame(self, index: int) -> Frame:
        """Return a frame, ``(rows, columns)``, of the recording's number type."""

    def read_raw(self, index: int, out: Frame) -> None:
        """Read a frame into ``(rows, columns)`` of that type: new memory costs more."""

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return a frame, ``(rows, columns) float32``."""

    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class RecordingHeader:
    """What a recording tells of itself without being decoded.

    Args:
        kind: "mrc", "tiff" or "eer".
        frames: Frames in the file; hardware frames of an EER.
        rows: Height in pixels.
        columns: Width in pixels.
        pixel_size_angstrom: As the header says, None where it says nothing.
        metadata: Other items of the header by name.
    """

    kind: RecordingKind
    frames: int
    rows: int
    columns: int
    pixel_size_angstrom: float | None
    metadata: Mapping[str, str] = field(default_factory=dict)


def recording_kind(name: str) -> RecordingKind | None:
    """Tell from a file's name which format it has, None for what is no recording."""
    return _ENDINGS.get(Path(_without_compression(name)).suffix.lower())


def recording_stem(name: str) -> str:
    """Return a recording's file name without its extension or extensions."""
    return Path(_without_compression(name)).stem


def open_movie(path: Path, *, frames_per_fraction: int = 1, eer_upsampling: int = 1) -> Movie:
    """Open a recording.

    Args:
        path: The file; its name tells the format.
        frames_per_fraction: Hardware frames of an EER that are summed to one frame.
        eer_upsampling: 1, 2 or 4: finer pixels of an EER.

    Raises:
        BadInput: It cannot be read, is broken or is no recording.
    """
    kind = recording_kind(path.name)
    if kind == "mrc":
        return open_stack(path)
    if kind is None:
        known = ", ".join([*_ENDINGS, ".mrc.gz", ".mrc.bz2"])
        raise BadInput(f"{path}: is no recording that we read (known: {known})")
    if path.suffix.lower() in _COMPRESSED:
        raise BadInput(f"{path}: only MRC files are read compressed; unpack it first")
    # tifffile takes 0.3 s to import: whoever has MRC files does not wait for it.
    if kind == "tiff":
        from cryobatch.formats.tiff import TiffMovie

        return TiffMovie(path)
    from cryobatch.formats.eer import EerMovie

    return EerMovie(path, frames_per_fraction, eer_upsampling)


def inspect_recording(path: Path) -> RecordingHeader:
    """Read a recording's header, and see that the file is as long as it promises.

    Raises:
        BadInput: It cannot be read, is broken or is no recording.
    """
    with open_movie(path) as movie:
        frames, rows, columns = movie.shape
        return RecordingHeader(
            kind=_ENDINGS[Path(_without_compression(path.name)).suffix.lower()],
            frames=frames,
            rows=rows,
            columns=columns,
            pixel_size_angstrom=movie.pixel_size_angstrom,
            metadata=movie.metadata,
        )


def _without_compression(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix.lower() in _COMPRESSED else name
