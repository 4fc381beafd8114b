"""Where the frames of a movie come from, one at a time: all of them would not fit into memory.

A source hands over gain-corrected floats, or, where it can, the camera's counts and the gain beside
them: a quarter of the memory, and multiplied where they are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging.arrays import ImageArray

PixelArray: TypeAlias = NDArray[Any]
"""``(rows, columns)`` of float32, or of a small integer type (Any: one of several)."""

_AS_THEY_ARE = np.empty((0, 0), np.float32)


class FrameSource(Protocol):
    """Frames that come one at a time."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)``."""

    def frame(self, index: int) -> ImageArray:
        """Return frame ``index``, ``(rows, columns)`` float32, gain-corrected counts."""


@runtime_checkable
class BufferedSource(FrameSource, Protocol):
    """Frames that can be read into an array that is there already, which costs less."""

    def read_frame(self, index: int, out: ImageArray) -> None:
        """Read frame ``index`` into ``(rows, columns)`` float32."""


@runtime_checkable
class CountedSource(BufferedSource, Protocol):
    """Frames that may be had as counts, the gain beside them."""

    @property
    def counts_dtype(self) -> np.dtype[Any] | None:
        """Number type of the counts; None where there are floats only."""

    @property
    def gain(self) -> ImageArray | None:
        """``(rows, columns)`` that counts are multiplied by; None: by nothing."""

    def read_counts(self, index: int, out: PixelArray) -> None:
        """Read frame ``index`` into ``(rows, columns)`` of ``counts_dtype``."""


@dataclass(frozen=True, slots=True)
class FrameReader:
    """Reads frames of a source in the smallest form that it has.

    Attributes:
        source: The frames.
        dtype: Number type of what is read.
        gain: ``(rows, columns)`` float32 that it is to be multiplied by, ``(0, 0)``: by nothing.
    """

    source: FrameSource
    dtype: np.dtype[Any]
    gain: ImageArray

    def read(self, index: int, buffer: PixelArray) -> PixelArray:
        """Return a frame, C order, in the given array if the source can do that."""
        if isinstance(self.source, CountedSource) and self.dtype != np.float32:
            self.source.read_counts(index, buffer)
            return buffer
        if isinstance(self.source, BufferedSource):
            self.source.read_frame(index, buffer)
            return buffer
        return np.ascontiguousarray(self.source.frame(index), dtype=np.float32)

    def buffers(self, count: int) -> Sequence[PixelArray]:
        """Return so many arrays to read into."""
        return [np.empty(self.source.shape[1:], self.dtype) for _ in range(count)]


def frame_reader(source: FrameSource) -> FrameReader:
    """Return what reads the frames of a source."""
    if isinstance(source, CountedSource) and source.counts_dtype is not None:
        gain = _AS_THEY_ARE if source.gain is None else source.gain
        return FrameReader(source, np.dtype(source.counts_dtype), gain)
    return FrameReader(source, np.dtype(np.float32), _AS_THEY_ARE)
