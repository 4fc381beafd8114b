"""A Huey queue with a task that does nothing; its file is named by an environment variable."""

import os
import time

from huey import SqliteHuey

queue = SqliteHuey(filename=os.environ["BENCHMARK_HUEY_FILE"], fsync=True)


@queue.task()  # type: ignore[untyped-decorator]  # huey publishes no types
def stamp() -> float:
    """Return the moment."""
    return time.time()
