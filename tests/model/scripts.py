"""Scripts by a few words, to plan workflows with."""

from collections.abc import Iterable, Sequence

from cryobatch.model import Input, Output, Script, Value
from cryobatch.model.script import Read


def make(
    name: str,
    category: str = "Share",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    values: Sequence[str] = (),
    reads: Sequence[str] = (),
) -> Script:
    """Return a script that writes each output to a file of its own."""
    return Script(
        name=name,
        title=name,
        category=category,
        version="1",
        kind="executable",
        place=f"/scripts/{name}",
        inputs=tuple(Input.parse(item) for item in inputs),
        outputs={one: Output(f"{name}_{one}.txt") for one in outputs},
        values={one: Value() for one in values},
        reads=tuple(Read.parse(item) for item in reads),
    )


def by_name(scripts: Iterable[Script]) -> dict[str, Script]:
    """Return scripts under their names."""
    return {script.name: script for script in scripts}


UNPACK = make("unpack", "Prepare Stack", ["movie"], ["stack", "frames"])
CROP = make("fourier_crop", "Prepare Stack", ["stack"], ["stack"])
DRIFT = make("correct_drift", "Drift Correct", ["stack"], ["micrograph", "motion"], ["drift_path"])
CTF = make("fit_ctf", "Fit CTF", ["frames_sum?", "micrograph"], ["spectrum"], ["defocus_u"])
PICK = make("pick", "Pick Particles", ["micrograph"], ["particles"], ["particle_count"])
STATISTICS = make(
    "statistics", "Calculate Statistics", ["micrograph", "particles?"], [], ["quality"],
    ["defocus_u?", "drift_path?"],
)  # fmt: skip
KNOWN = by_name([UNPACK, CROP, DRIFT, CTF, PICK, STATISTICS])
