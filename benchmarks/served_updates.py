"""Finishes scripts at an even pace, as a daemon does: one short transaction each."""

import json
import sys
import time
from pathlib import Path

from benchmarks.served_project import entry, wait_until
from cryobatch.model.event import Level, LogEntry
from cryobatch.project import Project
from cryobatch.store import library, log


def main() -> None:
    """Write until it is ended."""
    folder, told, a_second, names, ids = sys.argv[1:]
    columns, images = json.loads(names), json.loads(ids)
    with Project.open(folder) as project, Path(told).open("a", buffering=1) as file:
        began, number = time.monotonic(), 0
        while True:
            number += 1
            wait_until(began + number / float(a_second))
            image = images[number % len(images)]
            values = {name: float(number % 19) for name in columns}
            values[columns[-1]] = float(number)
            with project.database.transaction() as t:
                library.index(t, image, entry(values))
                log.append(t, [LogEntry(time.time(), f"done {number}", Level.INFO, "local-1",
                                        image, number, "fit_ctf")])  # fmt: skip
            file.write(json.dumps([number, time.time()]) + "\n")


if __name__ == "__main__":
    main()
