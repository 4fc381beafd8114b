"""Pick the particles of a micrograph."""

import math
from typing import TYPE_CHECKING, Annotated

from cryobatch.errors import BadInput
from cryobatch.model import Absent, Parameter, Run, Value, script

if TYPE_CHECKING:
    from pathlib import Path

    from cryobatch.imaging.arrays import ImageArray
    from cryobatch.imaging.picking import Picks

_MOST_MISSING = 0.5


@script(
    category="Pick Particles",
    title="Pick particles",
    version="2",
    inputs=["micrograph"],
    outputs={"particles": "particles.star"},
    values={
        "particle_count": Value(low=0, kind="int", help="Particles that were picked."),
        "particle_diameter": Value(
            "Å", low=0, optional=True, help="Diameter that was used or estimated."
        ),
        "picking_threshold": Value(
            low=0, optional=True, help="Score from which on a maximum is a particle."
        ),
        "pick_score": Value(low=0, optional=True, help="Median score of the particles."),
        "excluded_fraction": Value(
            low=0, high=1, help="Part of the micrograph in which nothing was sought."
        ),
    },
    reads=["micrograph_pixel_size?", "pixel_size"],
)
def pick_particles(
    run: Run,
    *,
    diameter: Annotated[
        float | None,
        Parameter("Å", low=20, high=5000, help="Longest diameter; estimated when not set."),
    ] = None,
    tolerance: Annotated[
        float,
        Parameter(low=0, high=0.5, help="How far the measured diameter may be from the given."),
    ] = 0.1,
    threshold: Annotated[
        float | None,
        Parameter(low=0, high=100, help="Score from which on; found from the scores when not set."),
    ] = None,
    distance: Annotated[
        float, Parameter(low=0.2, high=5, help="Smallest distance of two, in diameters.")
    ] = 0.6,
    edge: Annotated[
        float, Parameter(low=0, high=5, help="Smallest distance from the border, in diameters.")
    ] = 0.25,
    maximum_count: Annotated[
        int | None, Parameter(low=1, help="Keep at most so many, the best.")
    ] = None,
    light: Annotated[
        bool, Parameter(help="Particles are lighter than what is around them.")
    ] = False,
    exclude: Annotated[bool, Parameter(help="Keep out of carbon, gold, ice and dirt.")] = True,
) -> dict[str, object]:
    """Find particles with a template that the micrograph itself teaches."""
    from cryobatch.imaging.picking import PickingSettings, pick

    path = run.input("micrograph")
    settings = PickingSettings(
        diameter_angstrom=diameter,
        tolerance=tolerance,
        threshold=threshold,
        distance=distance,
        edge=edge,
        maximum_count=maximum_count,
        light=light,
        exclude=exclude,
    )
    pixel_size = float(run.read("micrograph_pixel_size") or run.read("pixel_size"))
    picks = pick(
        _read(path), pixel_size_angstrom=pixel_size, settings=settings, threads=run.threads
    )
    _tell(run, picks, diameter)
    _write(run.output("particles"), picks)
    return _values(picks)


def _read(path: "Path") -> "ImageArray":
    import numpy as np

    from cryobatch.scripts.micrograph_file import read_micrograph

    image = read_micrograph(path)
    missing = 1.0 - float(np.isfinite(image).mean())
    if missing > _MOST_MISSING:
        raise BadInput(f"{path}: {missing:.0%} of its pixels are no numbers; make it again")
    return image


def _tell(run: Run, picks: "Picks", diameter: float | None) -> None:
    if not len(picks.scores):
        run.message(f"no particle: {_reason(picks)}", level="warning")
    elif diameter is None:
        run.message(
            f"no diameter was given; estimated {picks.diameter_angstrom:.0f} Å from the micrograph"
            " (--set pick_particles.diameter=... gives one)"
        )


def _reason(picks: "Picks") -> str:
    """Return why there is no particle."""
    if math.isinf(picks.threshold):
        return picks.reason
    return "what scores enough is cut by the border, or is gold, ice or dirt"


def _write(path: "Path", picks: "Picks") -> None:
    from cryobatch.formats.star import StarTable, StarValue, write_star

    count = len(picks.scores)
    columns: dict[str, list[StarValue]] = {
        "rlnCoordinateX": [round(float(x), 3) for x in picks.coordinates_px[:, 0]],
        "rlnCoordinateY": [round(float(y), 3) for y in picks.coordinates_px[:, 1]],
        "rlnClassNumber": [1] * count,
        "rlnAnglePsi": [0.0] * count,
        "rlnAutopickFigureOfMerit": [round(float(score), 5) for score in picks.scores],
    }
    write_star(path, {"particles": StarTable(columns)})


def _values(picks: "Picks") -> dict[str, object]:
    import numpy as np

    nothing = Absent(_reason(picks))
    return {
        "particle_count": len(picks.scores),
        "particle_diameter": picks.diameter_angstrom or nothing,
        "picking_threshold": picks.threshold if np.isfinite(picks.threshold) else nothing,
        "pick_score": float(np.median(picks.scores)) if len(picks.scores) else nothing,
        "excluded_fraction": picks.excluded_fraction,
    }
