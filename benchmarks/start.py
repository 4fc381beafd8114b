"""How much longer ``cryobatch --help`` takes than a Python that does nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import median, print_table

REPEATS = 15

PROGRAM = Path(sys.executable).with_name("cryobatch")

_COMMANDS: Sequence[tuple[str, Sequence[str]]] = (
    ("python -c pass", (sys.executable, "-c", "pass")),
    ("import cryobatch", (sys.executable, "-c", "import cryobatch")),
    ("cryobatch --help", (str(PROGRAM), "--help")),
)


def main() -> None:
    """Measure in turns, so that a busy moment of the machine meets all alike, and print."""
    if not PROGRAM.is_file():
        print(f"start: {PROGRAM} is not there, install the package to measure it")
        return
    seconds: dict[str, list[float]] = {name: [] for name, _ in _COMMANDS}
    for _ in range(REPEATS):
        for name, command in _COMMANDS:
            seconds[name].append(_run(command))
    bare = median(seconds[_COMMANDS[0][0]])
    rows = [[name, median(found), median(found) - bare] for name, found in seconds.items()]
    print_table(f"Start, medians of {REPEATS}", ["", "s", "more than bare"], rows)


def _run(command: Sequence[str]) -> float:
    started = time.perf_counter()
    environment = {**os.environ, "COLUMNS": "80"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
