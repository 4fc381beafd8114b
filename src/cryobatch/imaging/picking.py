"""Find particles in a micrograph with a template that the micrograph itself teaches.

The places that answer most to a Laplacian of Gaussian teach a first template (their rotational
average), whose best matches teach the next, three times over; then the threshold is found from the
scores alone. No weights, no reference, no GPU; the same micrograph gives the same picks.
"""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import (
    MaskArray,
    area_darkness,
    areas,
    darkness,
    lumps,
    spots,
)
from cryobatch.imaging.picking_field import (
    WorkingField,
    limited,
    make_ready,
    seen,
    working_field,
)
from cryobatch.imaging.picking_search import SPACING, Found, search
from cryobatch.imaging.picking_size import estimate_diameter, template_diameter
from cryobatch.imaging.picking_template import contrast

_PIXELS_PER_DIAMETER = 24.0
_LEAST_PIXELS_PER_DIAMETER = 16.0
# From this size on the working image grows slower than the micrograph, down to the least above.
_LARGE = 1000.0
_SPOT_LIMITS = (24.0, 12.0, 6.0)
# Protein in ice stood out by up to 9 deviations, gold by 35 and more; in stain there is no limit.
_SPOT_LIMITS_OF_LIGHT = (math.inf, *_SPOT_LIMITS)
_SPOT_MARGIN = 0.35
# Crowds of particles reached 0.6 of a particle's contrast, carbon film began at 5.
_DARKER_THAN_PARTICLES = 1.5
# Leaving places out must pay: so many more particles must be found in the others.
_WORTH_EXCLUDING = 1.25
_WORTH_EXCLUDING_LEAST = 3
_SAME_DIAMETER = 0.04
# An estimate was a template's diameter already.
_SAME_ESTIMATE = 0.1
_LEAST_FIELD = 2.0
# So few places must show the size that was asked for. With a diameter a tenth too small, particles
# measured up to 1.14 of it; those twice as long as wide measure half of their length.
_FEW = 6
_SIZES_OF_FEW = (0.38, 1.16)


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
    ready = make_ready(micrograph, threads)
    diameter = settings.diameter_angstrom or estimate_diameter(
        ready, pixel_size_angstrom, light=settings.light, threads=threads
    )
    if diameter is None:
        return _nothing("no diameter explains what is in the micrograph; give one")
    if min(micrograph.shape) * pixel_size_angstrom < _LEAST_FIELD * diameter:
        return _nothing(f"the micrograph is smaller than two particles of {diameter:.0f} Å")
    shrink = _shrink(micrograph.shape, diameter / pixel_size_angstrom)
    field = working_field(ready, shrink, light=settings.light, threads=threads)
    working_pixel = pixel_size_angstrom * max(field.scale)
    found, excluded = _search(field, diameter / working_pixel, settings, threads)
    if settings.threshold is None and _of_another_size(found, diameter / working_pixel):
        return _nothing(f"the few places that stand out are not the size of {diameter:.0f} Å")
    measured = _measured(found, diameter, working_pixel, settings.tolerance)
    same = _SAME_ESTIMATE if settings.diameter_angstrom is None else _SAME_DIAMETER
    if abs(measured / diameter - 1.0) > same:
        again = _search(field, measured / working_pixel, settings, threads)
        if again[0].evidence >= found.evidence * 0.9:
            (found, excluded), diameter = again, measured
    return _finish(
        found, field, excluded, diameter, micrograph.shape, pixel_size_angstrom, settings
    )


def _shrink(shape: tuple[int, ...], diameter_px: float) -> float:
    """Return by how much a micrograph is shrunk for particles of a diameter."""
    finest = diameter_px / _PIXELS_PER_DIAMETER
    coarsest = diameter_px / _LEAST_PIXELS_PER_DIAMETER
    side = math.sqrt(math.prod(shape)) / finest
    return min(finest * math.sqrt(max(side / _LARGE, 1.0)), coarsest)


def _search(
    field: WorkingField, diameter_px: float, settings: PickingSettings, threads: int
) -> tuple[Found, MaskArray]:
    """Search everywhere but in lumps, then outside of carbon film if there is any."""
    level = field.level()
    if not settings.exclude:
        found = _search_in(level, field.missing, diameter_px, settings, threads)
        return found, field.missing
    always = field.missing | lumps(level, field.missing, diameter_px)
    everywhere = _search_around_spots(field, level, always, diameter_px, settings, threads)
    image = field.limited()
    film = areas(image, field.missing, diameter_px)
    if not film.any():
        return everywhere
    particle = contrast(image, everywhere[0].pixels, diameter_px)
    if area_darkness(image, field.missing, film) < _DARKER_THAN_PARTICLES * particle:
        return everywhere
    return _search_around_spots(field, level, always | film, diameter_px, settings, threads)


def _search_around_spots(
    field: WorkingField,
    level: ImageArray,
    always: MaskArray,
    diameter_px: float,
    settings: PickingSettings,
    threads: int,
) -> tuple[Found, MaskArray]:
    """Search with the strongest spots left out, then with ever fainter ones, if that finds more."""
    best: tuple[Found, MaskArray] | None = None
    prominence = darkness(field.image, diameter_px)
    for limit in _SPOT_LIMITS_OF_LIGHT if settings.light else _SPOT_LIMITS:
        left_out = always if best is None else best[1]
        if best is not None and not np.any((prominence > limit) & ~left_out):
            continue
        excluded = always | spots(prominence, limit, _SPOT_MARGIN * diameter_px)
        found = _search_in(level, excluded, diameter_px, settings, threads)
        if best is None or len(found.scores) > _worth(best[0]):
            best = found, excluded
    assert best is not None
    return best


def _search_in(
    level: ImageArray,
    excluded: MaskArray,
    diameter_px: float,
    settings: PickingSettings,
    threads: int,
) -> Found:
    return search(
        limited(level),
        excluded,
        diameter_px,
        spacing=settings.distance,
        threshold=settings.threshold,
        threads=threads,
    )


def _worth(found: Found) -> float:
    return _WORTH_EXCLUDING * len(found.scores) + _WORTH_EXCLUDING_LEAST


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
