"""How scripts read a stack: gain-corrected frames, whichever way it is kept.

A stack of integers holds what the camera counted, and the product ``stack_gain`` the gain that it
is multiplied by; a stack of floats is corrected already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cryobatch.formats.mrc import Frame, Stack
    from cryobatch.imaging.arrays import ImageArray
    from cryobatch.model import Run


@dataclass(frozen=True, slots=True)
class FrameStack:
    """An open stack with the gain that belongs to it; threads may read it at the same time.

    Attributes:
        file: The stack.
        gain: ``(rows, columns)`` float32 that the counts are multiplied by; None: by nothing.
    """

    file: "Stack"
    gain: "ImageArray | None"

    @property
    def path(self) -> Path:
        """The stack's file."""
        return self.file.path

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)``."""
        return self.file.shape

    @property
    def pixel_size_angstrom(self) -> float | None:
        """From the header, None where it has none."""
        return self.file.pixel_size_angstrom

    @property
    def counts_dtype(self) -> "np.dtype[Any] | None":
        """Number type of ``read_counts`` (Any: one of several integers); None: of floats."""
        return self.file.dtype if self.file.dtype.kind in "iu" else None

    def frame(self, index: int) -> "ImageArray":
        """Return a frame, ``(rows, columns)`` float32, gain-corrected."""
        import numpy as np

        frame = np.empty(self.shape[1:], np.float32)
        self.read_frame(index, frame)
        return frame

    def read_frame(self, index: int, out: "ImageArray") -> None:
        """Read a frame, gain-corrected, into ``(rows, columns)`` float32, C order."""
        if self.gain is None:
            self.file.read_frame(index, out)
            return
        from cryobatch.imaging.gain import apply_gain

        for first, rows in self.file.pieces(index):
            last = first + len(rows)
            apply_gain(rows, self.gain[first:last], out[first:last])

    def read_counts(self, index: int, out: "Frame | NDArray[np.integer[Any]]") -> None:
        """Read what the camera counted into ``(rows, columns)`` of ``counts_dtype``."""
        self.file.read_raw(index, out)


@contextmanager
def open_frames(run: "Run") -> Iterator[FrameStack]:
    """Open a run's input ``stack``, with its ``stack_gain`` where it is one of integers.

    Raises:
        BadInput: One of them cannot be read, or they do not fit each other.
    """
    from cryobatch.errors import BadInput
    from cryobatch.formats.mrc import open_stack, read_image

    with open_stack(run.input("stack")) as file:
        gain = None
        if file.dtype.kind in "iu" and run.has("stack_gain"):
            gain, _ = read_image(run.input("stack_gain"))
            if gain.shape != file.shape[1:]:
                raise BadInput(
                    f"{run.input('stack_gain')}: a gain of {gain.shape} does not fit the frames of "
                    f"{file.path}, {file.shape[1:]}; submit the image again"
                )
        yield FrameStack(file, gain)
