"""Tell how much of a micrograph is carbon: a laboratory's script, which refuses some images.

``tools/screenshots.py`` puts it into a demonstration, so that there are failures to be looked at.
"""

from typing import Annotated

from cryobatch import Parameter, Run, Value, script
from cryobatch.errors import ScriptFailed

_TOLD = 12


@script(
    category="Calculate Statistics",
    title="Measure carbon",
    inputs=["micrograph"],
    values={"carbon_area": Value("%", low=0, high=100, help="Part of the image that is carbon.")},
    reads=["ctf_resolution", "drift_range"],
)
def measure_carbon(
    run: Run,
    *,
    still: Annotated[float, Parameter("Å", low=0, help="With more drift it is refused.")] = 14.0,
    sharp: Annotated[float, Parameter("Å", low=0, help="With a worse fit it is refused.")] = 4.5,
) -> dict[str, object]:
    """Look for the edge of a hole; none is in an image of the demonstration."""
    micrograph = run.input("micrograph")
    drift, resolution = (float(run.read(name)) for name in ("drift_range", "ctf_resolution"))
    print(f"reading {micrograph.name}, {micrograph.stat().st_size:,} bytes")
    for direction in range(_TOLD):
        run.progress(direction / _TOLD)
        print(f"direction {direction * 360 // _TOLD:3d}°: no step in brightness")
    if drift > still:
        raise ScriptFailed(f"the edge is smeared over {drift:.1f} Å: carbon looks like ice there")
    if resolution > sharp:
        raise ScriptFailed(f"{micrograph.name}: nothing fits better than {resolution:.2f} Å")
    return {"carbon_area": 0.0}
