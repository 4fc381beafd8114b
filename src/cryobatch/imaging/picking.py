"""Find particles in a micrograph with a template that the micrograph itself teaches.

The places that answer most to a Laplacian of Gaussian teach a first template (their rotational
average), whose best matches teach the next, three times over; then the threshold is found from the
scores alone. No weights, no reference, no GPU; the same micrograph gives the same picks.
"""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, resampled
from cryobatch.imaging.picking_field import (
    ReadyMicrograph,
    WorkingField,
    limited,
    make_ready,
    seen,
    working_field,
)
from cryobatch.imaging.picking_plan import Sketch, search_everywhere, search_outside_dirt
from cryobatch.imaging.picking_search import ROUNDS, SPACING, Found, search
from cryobatch.imaging.picking_size import (
    DIAMETERS_ANGSTROM,
    estimate_diameter,
    least_shrink,
    template_diameter,
)

_ROUNDS_AFTER_COARSE = 2
_LEAST_FIELD = 2.0
# So few places must show the size that was asked for. With a diameter a tenth too small, particles
# measured up to 1.14 of it; those twice as long as wide measure half of their length.
_FEW = 6
_SIZES_OF_FEW = (0.38, 1.16)


@dataclass(frozen=True, slots=True)
class _Fineness:
    """How many pixels a working image has.

    Attributes:
        pixels_per_diameter: Of a particle.
        least_pixels_per_diameter: In large micrographs of small particles.
        large: Pixels a side from which on the image grows slower than the micrograph.
    """

    pixels_per_diameter: float
    least_pixels_per_diameter: float
    large: float


_COARSE = _Fineness(12.0, 9.0, 700.0)
_FINE = _Fineness(24.0, 12.0, 600.0)


@dataclass(frozen=True, slots=True)
class PickingSettings:
    """How particles are sought.

    Attributes:
        diameter_angstrom: Diameter; None estimates it from the micrograph.
        tolerance: How far, as a part of it, the measured diameter may lie from the given one.
        threshold: Score from which on a maximum is a particle; None finds it.
        distance: Smallest distance of two particles, in diameters.
        edge: Smallest distance of a particle's centre from the border, in diameters.
        maximum_count: Keep at most so many, the best; None keeps all.
        light: Whether particles are lighter than what is around them.
        exclude: Whether carbon, gold, ice and dirt are kept out.
    """

    diameter_angstrom: float | None = None
    tolerance: float = 0.1
    threshold: float | None = None
    distance: float = SPACING
    edge: float = 0.25
    maximum_count: int | None = None
    light: bool = False
    exclude: bool = True


@dataclass(frozen=True, slots=True)
class Picks:
    """The particles of a micrograph, best first.

    Attributes:
        coordinates_px: ``(n, 2)`` float64 x (column) and y (row), from the centre of pixel (0, 0).
        scores: ``(n,)`` float64, on the scale that all micrographs share (`picking_scale`): 0 is a
            usual maximum of noise, 1 what noise reaches in one of a thousand micrographs.
        diameter_angstrom: Diameter that was used; None where nothing could be measured.
        threshold: Score of the last one that counts; infinite where there is none.
        reason: How the threshold was found, in words.
        excluded_fraction: Part of the micrograph in which nothing was sought.
    """

    coordinates_px: FloatArray
    scores: FloatArray
    diameter_angstrom: float | None
    threshold: float
    reason: str
    excluded_fraction: float


def pick(
    micrograph: ImageArray,
    *,
    pixel_size_angstrom: float,
    settings: PickingSettings | None = None,
    threads: int = 1,
) -> Picks:
    """Find particles in a micrograph.

    Args:
        micrograph: ``(rows, columns)`` float32; missing pixels may be NaN.
        pixel_size_angstrom: Å a pixel.
        settings: How; the defaults estimate the diameter.
        threads: Threads of the transforms.
    """
    settings = settings or PickingSettings()
    if not seen(micrograph):
        return _nothing("the micrograph is empty: all its pixels are alike")
    finest = _finest_shrink(micrograph.shape, pixel_size_angstrom, settings)
    ready = make_ready(micrograph, finest, threads)
    diameter = settings.diameter_angstrom or estimate_diameter(
        ready, pixel_size_angstrom, light=settings.light, threads=threads
    )
    if diameter is None:
        return _nothing("no diameter explains what is in the micrograph; give one")
    if min(micrograph.shape) * pixel_size_angstrom < _LEAST_FIELD * diameter:
        return _nothing(f"the micrograph is smaller than two particles of {diameter:.0f} Å")
    coarse, sketched, dirt = _plan(ready, diameter / pixel_size_angstrom, settings, threads)
    coarse_pixel = pixel_size_angstrom * max(coarse.scale)
    measured = _measured(sketched, diameter, coarse_pixel, settings.tolerance)
    # An estimate of long particles is wider than their template, and is to stay so.
    used = max(measured, diameter) if settings.diameter_angstrom is None else measured
    shrink = _shrink(micrograph.shape, used / pixel_size_angstrom, _FINE)
    field = working_field(ready, shrink, light=settings.light, threads=threads)
    excluded = field.missing | resampled(dirt, field.missing.shape)
    working_pixel = pixel_size_angstrom * max(field.scale)
    teachers = coarse.micrograph_pixels(sketched.teachers)
    found = _search(field, excluded, used / working_pixel, teachers, settings, threads)
    if settings.threshold is None and _of_another_size(found, diameter / working_pixel):
        return _nothing(f"the few places that stand out are not the size of {diameter:.0f} Å")
    return _finish(found, field, excluded, used, micrograph.shape, pixel_size_angstrom, settings)


def _shrink(shape: tuple[int, ...], diameter_px: float, fineness: "_Fineness") -> float:
    """Return by how much a micrograph is shrunk for particles of a diameter."""
    finest = diameter_px / fineness.pixels_per_diameter
    coarsest = diameter_px / fineness.least_pixels_per_diameter
    side = math.sqrt(math.prod(shape)) / finest
    return min(finest * math.sqrt(max(side / fineness.large, 1.0)), coarsest)


def _finest_shrink(
    shape: tuple[int, ...], pixel_size_angstrom: float, settings: PickingSettings
) -> float:
    """Return by how much a micrograph is shrunk at least, whatever its particles measure."""
    given = settings.diameter_angstrom
    least = given * (1.0 - settings.tolerance) if given is not None else DIAMETERS_ANGSTROM[0]
    finest = _shrink(shape, least / pixel_size_angstrom, _FINE)
    return finest if given is not None else min(finest, least_shrink(pixel_size_angstrom))


def _plan(
    ready: ReadyMicrograph, diameter_px: float, settings: PickingSettings, threads: int
) -> tuple[WorkingField, Found, MaskArray]:
    """Return a coarse image, what is found in it, and where nothing is to be sought."""
    shrink = _shrink(ready.image.shape, diameter_px, _COARSE)
    field = working_field(ready, shrink, light=settings.light, threads=threads)
    width = diameter_px / max(field.scale)
    sketch = Sketch(field, field.level(), width, settings.distance, settings.light, threads)
    found, excluded = (search_outside_dirt if settings.exclude else search_everywhere)(sketch)
    return field, found, excluded


def _search(
    field: WorkingField,
    excluded: MaskArray,
    diameter_px: float,
    teachers: FloatArray,
    settings: PickingSettings,
    threads: int,
) -> Found:
    """Search the fine image, taught by places (micrograph pixels) in the coarse one, if any."""
    size = np.array(field.image.shape[::-1])
    places = np.rint(teachers / np.array(field.scale)).astype(np.int64)
    return search(
        limited(field.level()),
        excluded,
        diameter_px,
        spacing=settings.distance,
        threshold=settings.threshold,
        rounds=_ROUNDS_AFTER_COARSE if len(places) else ROUNDS,
        teachers=np.minimum(places, size - 1) if len(places) else None,
        threads=threads,
    )


def _of_another_size(found: Found, diameter_px: float) -> bool:
    """Return whether few places were found whose template is no particle's, but a drop's."""
    if found.template is None or not 0 < len(found.scores) < _FEW:
        return False
    low, high = _SIZES_OF_FEW
    return not low <= template_diameter(found.template, diameter_px) / diameter_px <= high


def _measured(found: Found, diameter: float, working_pixel: float, tolerance: float) -> float:
    """Return the template's diameter in Å, kept within the tolerance of the one asked for."""
    if found.template is None or not len(found.scores):
        return diameter
    measured = template_diameter(found.template, diameter / working_pixel) * working_pixel
    return float(np.clip(measured, diameter * (1 - tolerance), diameter * (1 + tolerance)))


def _finish(
    found: Found,
    field: WorkingField,
    excluded: MaskArray,
    diameter: float,
    shape: tuple[int, ...],
    pixel_size_angstrom: float,
    settings: PickingSettings,
) -> Picks:
    coordinates = field.micrograph_pixels(found.points)
    margin = settings.edge * diameter / pixel_size_angstrom
    last = np.array([shape[1] - 1, shape[0] - 1])
    inside = np.all((coordinates >= margin) & (coordinates <= last - margin), axis=1)
    chosen = np.flatnonzero(inside)[: settings.maximum_count]
    return Picks(
        coordinates[chosen],
        found.scores[chosen],
        diameter,
        found.threshold.score,
        found.threshold.reason,
        float(excluded.mean()),
    )


def _nothing(reason: str) -> Picks:
    return Picks(np.empty((0, 2)), np.empty(0), None, math.inf, reason, 0.0)
