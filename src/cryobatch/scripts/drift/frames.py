"""A stack as a source of frames that tells how far its reader has come."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryobatch.formats.mrc import Frame
from cryobatch.model import Run
from cryobatch.scripts.stack_file import FrameStack


@dataclass(frozen=True, slots=True)
class ReportedFrames:
    """Frames of a stack; reading one reports progress.

    Attributes:
        stack: Where they come from.
        run: Who is told.
        done: Part of the run that is done before the first frame.
        share: Part of the run that reading them all takes.
    """

    stack: FrameStack
    run: Run
    done: float
    share: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)``."""
        return self.stack.shape

    @property
    def counts_dtype(self) -> np.dtype[Any] | None:
        """Number type of the counts (Any: one of several integers); None: floats only."""
        return self.stack.counts_dtype

    @property
    def gain(self) -> NDArray[np.float32] | None:
        """``(rows, columns)`` that counts are multiplied by; None: by nothing."""
        return self.stack.gain

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return frame ``index``, ``(rows, columns)`` float32."""
        self._report(index)
        return self.stack.frame(index)

    def read_frame(self, index: int, out: NDArray[np.float32]) -> None:
        """Read frame ``index`` into ``(rows, columns)`` float32."""
        self._report(index)
        self.stack.read_frame(index, out)

    def read_counts(self, index: int, out: Frame) -> None:
        """Read what the camera counted into ``(rows, columns)`` of ``counts_dtype``."""
        self._report(index)
        self.stack.read_counts(index, out)

    def _report(self, index: int) -> None:
        self.run.progress(self.done + self.share * index / self.shape[0])
