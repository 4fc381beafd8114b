"""Scripts of a few lines that stand for the whole way of an image; none looks at a pixel."""

from pathlib import Path
from typing import Annotated

from cryobatch.errors import ScriptFailed
from cryobatch.model import Absent, Optional, Output, Parameter, Run, Script, Value, script
from cryobatch.model.declaration import declared_script

failing: set[str] = set()
"""Names of scripts that fail; tests empty it when they are done."""

defocus = [1000.0]
"""What ``measure`` finds."""


def _work(run: Run, name: str, *outputs: str) -> None:
    """Write what was read, and how often it was worked on, into each output."""
    if name in failing:
        raise ScriptFailed(f"{name} was told to fail")
    read = [path.read_text() for path in run.inputs.values()]
    for output in outputs:
        if output in run.outputs:
            run.output(output).write_text(f"{name}({', '.join(read)})")


@script(
    category="Prepare Stack",
    inputs=["movie"],
    outputs={"stack": "stack.txt", "frames": "frames.txt"},
    values={"frame_count": Value(kind="int", low=1)},
    reads=["gain?"],
)
def take(run: Run) -> dict[str, object]:
    """Unpack."""
    _work(run, "take", "stack", "frames")
    return {"frame_count": 8}


@script(category="Prepare Stack", inputs=["stack"], outputs={"stack": "stack.txt"})
def halve(run: Run, *, factor: Annotated[float, Parameter(low=1)] = 2.0) -> None:
    """Make the stack smaller."""
    _work(run, "halve", "stack")


@script(
    category="Drift Correct",
    inputs=["stack", "frames?"],
    outputs={
        "micrograph": "micrograph.txt",
        "micrograph_unweighted": Output("micrograph_unweighted.txt", optional=True),
        "corrected_stack": Output("corrected_stack.txt", optional=True),
    },
    values={"drift_path": Value("Å", low=0)},
    reads=["pixel_size"],
)
def align(
    run: Run,
    *,
    patches: Annotated[int, Parameter(low=1, high=9)] = 5,
    unweighted: Annotated[bool, Parameter()] = False,
) -> dict[str, object]:
    """Correct the drift."""
    _work(run, "align", "micrograph", "corrected_stack")
    if unweighted:
        _work(run, "align", "micrograph_unweighted")
    return {"drift_path": 2.0 * run.read("pixel_size")}


@script(
    category="Fit CTF",
    inputs=["micrograph_unweighted|micrograph"],
    outputs={"power_spectrum": "power_spectrum.txt"},
    values={"defocus_u": Value("Å", low=0), "phase_shift": Value("°", optional=True)},
    reads=["pixel_size", "voltage?"],
)
def measure(
    run: Run, *, reference: Annotated[Path | None, Parameter(help="A file.")] = None
) -> dict[str, object]:
    """Find the defocus."""
    _work(run, "measure", "power_spectrum")
    return {"defocus_u": defocus[0], "phase_shift": Absent("not searched")}


@script(
    category="Pick Particles",
    inputs=["micrograph"],
    outputs={"particles": "particles.txt"},
    values={"particle_count": Value(kind="int", low=0)},
)
def pick(run: Run, *, diameter: Annotated[float | None, Parameter("Å", low=1)] = None) -> object:
    """Find particles."""
    _work(run, "pick", "particles")
    return {"particle_count": 7}


@script(
    category="Calculate Statistics",
    inputs=["micrograph", Optional("particles"), "power_spectrum?"],
    outputs={"picture": "thumbnails/micrograph.txt"},
    values={"quality": Value(kind="text")},
    reads=["defocus_u?", "particle_count?"],
)
def judge(run: Run) -> dict[str, object]:
    """Judge the image."""
    _work(run, "judge", "picture")
    good = run.read("defocus_u") is not None and run.read("particle_count") is not None
    return {"quality": "green" if good else "red"}


@script(category="Share", inputs=["corrected_stack"], values={"polished": Value(kind="int")})
def polish(run: Run) -> dict[str, object]:
    """Work on the corrected frames."""
    _work(run, "polish")
    return {"polished": 1}


@script(category="Share", reads=["defocus_u"], values={"half_defocus": Value("Å")})
def tell(run: Run) -> dict[str, object]:
    """Read a value and nothing else."""
    _work(run, "tell")
    return {"half_defocus": run.read("defocus_u") / 2}


@script(
    category="Fit CTF",
    inputs=["micrograph"],
    outputs={"power_spectrum": "power_spectrum_other.txt"},
    values={"defocus_u": Value("Å", low=0)},
)
def measure_otherwise(run: Run) -> dict[str, object]:
    """Find the defocus in another way."""
    _work(run, "measure_otherwise", "power_spectrum")
    return {"defocus_u": 500.0}


@script(
    category="Pick Particles", inputs=["particles"], outputs={"particles": "particles_chosen.txt"}
)
def select(run: Run, *, share: Annotated[float, Parameter(low=0, high=1)] = 0.5) -> None:
    """Transform a kept product."""
    _work(run, "select", "particles")


@script(category="Prepare Stack", inputs=["movie"], outputs={"stack": "stack.txt"}, reads=["gain?"])
def grab(run: Run, *, first: Annotated[int, Parameter(low=0)] = 0) -> None:
    """Unpack, and make nothing that is kept."""
    _work(run, "grab", "stack")


FUNCTIONS = (
    grab,
    take,
    halve,
    align,
    measure,
    pick,
    judge,
    polish,
    tell,
    measure_otherwise,
    select,
)


def simple_scripts() -> dict[str, Script]:
    """Return all of them by name."""
    found = [declared_script(function) for function in FUNCTIONS]
    return {one.name: one for one in found if one is not None}
