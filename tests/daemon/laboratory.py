"""Scripts of a laboratory that do next to nothing, in Python and as executables."""

from pathlib import Path

QUICK = """
import cryobatch

@cryobatch.script(category="Calculate Statistics", values={"answer": cryobatch.Value("Å")})
def quick(run):
    return {"answer": 42.0}
"""

PAIR = """
import os, time
import cryobatch
from typing import Annotated
from cryobatch import Parameter

@cryobatch.script(category="Calculate Statistics", outputs={"thing": "thing.txt"},
                  values={"first": cryobatch.Value("Å")})
def first(run, *, pause: Annotated[float, Parameter("s", low=0, high=9)] = 0.0):
    time.sleep(pause)
    print("first has worked")
    run.output("thing").write_text("of first")
    return {"first": 1.0}

@cryobatch.script(category="Share", inputs=["thing"], reads=["first"],
                  values={"second": cryobatch.Value("Å")})
def second(run, *, pause: Annotated[float, Parameter("s", low=0, high=9)] = 0.0):
    time.sleep(pause)
    return {"second": run.read("first") + 1}
"""

# Waits for a file beside the project; tells that it has begun, and when, by another one.
PATIENT = """
import os, time
import cryobatch
from pathlib import Path
from typing import Annotated
from cryobatch import Parameter

@cryobatch.script(category="Pick Particles", values={"waited": cryobatch.Value("s")},
                  time_limit_s=TIME_LIMIT)
def patient(run, *, folder: Annotated[str, Parameter()] = "."):
    begun = time.time()
    place = Path(folder)
    name = run.workspace.name
    note = place / f"begun-{os.getpid()}-{time.monotonic_ns()}"
    note.write_text(f"{begun} {os.environ.get('CUDA_VISIBLE_DEVICES')} "
                    f"{os.environ.get('OMP_NUM_THREADS')} {run.threads}")
    deadline = time.monotonic() + 120
    while not (place / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return {"waited": 1.0}
"""

# The first of each process take no time; the next waits for a file beside the project.
RUSHING = """
import time
import cryobatch
from pathlib import Path

so_far = 0

@cryobatch.script(category="Calculate Statistics", values={"rushed": cryobatch.Value("Å")})
def rushing(run):
    global so_far
    so_far += 1
    deadline = time.monotonic() + 120
    while so_far > FREE and not Path("FOLDER", "go").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return {"rushed": 1.0}
"""

GREEDY = """
import time
import cryobatch

@cryobatch.script(category="Pick Particles", values={"held": cryobatch.Value("B")})
def greedy(run):
    held = bytearray(600_000_000)
    for place in range(0, len(held), 4096):
        held[place] = 1
    time.sleep(60)
    return {"held": float(len(held))}
"""

DEADLY = """
import os, signal
import cryobatch

@cryobatch.script(category="Pick Particles", values={"never": cryobatch.Value("B")})
def deadly(run):
    print("its last words", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
"""

# Its children would live for minutes, one of them outside of the processor's group.
FAMILY = """#!/bin/bash
# /// cryobatch
# title = "Family"
# category = "Calculate Statistics"
# values.family = {unit = "", low = 0, high = 10}
# parameters.pause = {type = "float", default = 0.0, unit = "s"}
# time_limit_s = TIME_LIMIT
# ///
sleep 300 &
(sleep 300 & sleep 300) &
setsid sleep 300 &
sleep PAUSE
echo "::value family 3"
"""


def patient(folder: Path) -> str:
    """Return the text of a script that waits for the file ``go`` in a folder."""
    return PATIENT.replace('= "."', f"= {str(folder)!r}")


def rushing(folder: Path, free: int) -> str:
    """Return the text of a script that is quick so many times a process, then awaits ``go``."""
    return RUSHING.replace("FREE", str(free)).replace("FOLDER", str(folder))


def write_python(folder: Path, text: str, time_limit_s: float | None = None) -> None:
    """Put a Python script into a project's folder of scripts."""
    text = text.replace("TIME_LIMIT", repr(time_limit_s))
    name = text.split("def ")[1].split("(")[0]
    (folder / "scripts" / f"{name}.py").write_text(text)


def write_family(folder: Path, *, pause_s: float = 0.0, time_limit_s: float = 100.0) -> None:
    """Put the executable with children into a project's folder of scripts."""
    text = FAMILY.replace("TIME_LIMIT", str(time_limit_s)).replace("PAUSE", str(pause_s))
    path = folder / "scripts" / "family.sh"
    path.write_text(text)
    path.chmod(0o755)
