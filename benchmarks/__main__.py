"""Run benchmarks: ``python -m benchmarks [name...]``, all of them without a name."""

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence

MODULES = {
    "start": "benchmarks.start",
    "ctf": "benchmarks.ctf",
    "picks": "benchmarks.picks",
    "drift": "benchmarks.drift",
    "accuracy": "benchmarks.accuracy",
    "signal": "benchmarks.signal_kept",
    "workflow": "benchmarks.workflow",
    "peers": "benchmarks.queue_peers",
    "scale": "benchmarks.scale",
    "import": "benchmarks.importing",
    "guards": "benchmarks.guards",
    "web": "benchmarks.web",
}


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks one after another; unknown names are told with the known ones."""
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; known: {', '.join(MODULES)}")
        return 2
    for name in names or MODULES:
        if importlib.util.find_spec(MODULES[name]) is None:
            print(f"{name}: {MODULES[name]} is not there, left out")
            continue
        started = time.monotonic()
        run: Callable[[], None] = importlib.import_module(MODULES[name]).main
        run()
        print(f"({name}: {time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
