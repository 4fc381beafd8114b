"""A stack as a source of frames that tells how far its reader has come."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryobatch.formats.mrc import Stack
from cryobatch.model import Run


@dataclass(frozen=True, slots=True)
class ReportedFrames:
    """Frames of a stack; reading one reports progress.

    Attributes:
        stack: Where they come from.
        run: Who is told.
        done: Part of the run that is done before the first frame.
        share: Part of the run that reading them all takes.
    """

    stack: Stack
    run: Run
    done: float
    share: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)``."""
        return self.stack.shape

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return frame ``index``, ``(rows, columns)`` float32."""
        self._report(index)
        return self.stack.frame(index)

    def read_frame(self, index: int, out: NDArray[np.float32]) -> None:
        """Read frame ``index`` into ``(rows, columns)`` float32."""
        self._report(index)
        self.stack.read_frame(index, out)

    def _report(self, index: int) -> None:
        self.run.progress(self.done + self.share * index / self.shape[0])
