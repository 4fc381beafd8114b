"""A daemon in a process of its own; on demand it is killed at a named step of a commit."""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

from cryobatch.daemon.work import Snapshot, run_queue, serve
from cryobatch.processing import commit
from cryobatch.project import Project

DIE_VARIABLE = "CRYOBATCH_TEST_DIE"
"""``before:STEP:N`` or ``after:STEP:N``: die at the N-th time of a step, counted from 0."""


def arm(demand: str) -> None:
    """Make the demanded step deadly."""
    when, name, times = demand.split(":")
    counter = count()

    def deadly(step: Callable[..., None]) -> Callable[..., None]:
        def take(*arguments: Any) -> None:
            last = next(counter) == int(times)
            if last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            step(*arguments)
            if last and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)

        return take if step.__name__ == name else step

    commit.STEPS = tuple(map(deadly, commit.STEPS))
    commit.BRIEF_STEPS = tuple(map(deadly, commit.BRIEF_STEPS))


def show_nothing(snapshot: Snapshot) -> None:
    """Have no display."""


def main() -> None:
    """Work on the project of the first argument as the second one says."""
    if DIE_VARIABLE in os.environ:
        arm(os.environ[DIE_VARIABLE])
    work = {"run": run_queue, "serve": serve}[sys.argv[2]]
    with Project.open(sys.argv[1]) as project:
        outcome = work(project, processors=int(sys.argv[3]), show=show_nothing)
    sys.exit(1 if outcome.failed else 0)


if __name__ == "__main__":
    main()
