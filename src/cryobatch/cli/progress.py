"""Progress of a command that takes a while: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from cryobatch.cli.trouble import tell_trouble

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LINE_INTERVAL_S = 5.0


class Progress:
    """Shows how much is done, on standard error, so that it never mixes with results."""

    def __init__(self, verb: str, *, quiet: bool = False, resumes: bool = False) -> None:
        """Prepare; nothing is shown before the first step.

        Args:
            verb: What is being done.
            quiet: Whether to show nothing.
            resumes: Whether the same command does what is left when a person stops it.
        """
        self._resumes = resumes
        self._verb = verb
        self._quiet = quiet
        self._bar: RichProgress | None = None
        self._told_at = time.monotonic()
        self._shown = (-1, -1)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._resumes and kind in {KeyboardInterrupt, SystemExit}:
            done, total = self._shown
            so_far = f" at {done} of {total}" if total > 0 else ""
            tell_trouble(f"{self._verb}: stopped{so_far}; what is done stays, and the same command "
                         "does the others")  # fmt: skip

    def show(self, done: int, total: int) -> None:
        """Tell how much is done of how much."""
        if self._quiet or (done, total) == self._shown:
            return
        self._shown = (done, total)
        if sys.stderr.isatty():
            self._show_bar(done, total)
        elif time.monotonic() - self._told_at >= LINE_INTERVAL_S or done == total:
            self._told_at = time.monotonic()
            print(f"{self._verb}: {done} of {total}", file=sys.stderr)

    def _show_bar(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(console=Console(stderr=True), transient=True)
            self._bar.add_task(self._verb)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)
