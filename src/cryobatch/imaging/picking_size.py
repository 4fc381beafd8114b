"""The diameter of particles, from a template or from a whole micrograph."""

import math

import numpy as np

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.picking_field import working_field
from cryobatch.imaging.picking_search import Found, search
from cryobatch.imaging.picking_template import Template

_SMALLEST_ANGSTROM = 70.0
_LARGEST_ANGSTROM = 500.0
_RATIO = 1.25
_PIXELS_PER_DIAMETER = 14.0
_FIELD_DIAMETERS = 4.0
_STEPS_PER_PIXEL = 2.0
# The half height of the edge lies inside the outer diameter, by the softness of a protein's border.
_EDGE_SOFTNESS = 1.06
# A template shows its edge also when it was sought as a much larger one, hardly as a smaller.
_TRUSTED = (0.35, 1.3)
_CONFIRMED = 0.8


def template_diameter(template: Template, diameter_px: float) -> float:
    """Return a template's outer diameter in pixels.

    It ends where the profile, coming from its highest ring, falls to half between that and its
    lowest value; a template without such an edge says nothing, and the given diameter is returned.
    """
    profile = template.profile[: int(_STEPS_PER_PIXEL * diameter_px)]
    top = int(np.argmax(profile))
    half = 0.5 * (float(profile[top]) + float(profile[top:].min()))
    below = np.flatnonzero(profile[top:] < half)
    if not len(below):
        return diameter_px
    end = top + int(below[0])
    before, after = float(profile[end - 1]), float(profile[end])
    radius = (end - 1 + (before - half) / max(before - after, 1e-9)) / _STEPS_PER_PIXEL
    return 2.0 * radius * _EDGE_SOFTNESS


def estimate_diameter(
    micrograph: ImageArray, pixel_size_angstrom: float, *, light: bool = False, threads: int = 1
) -> float | None:
    """Estimate the particles' diameter in Å: the one whose search explains most.

    Diameters from 70 to 500 Å are tried (as far as four of them fit into the micrograph), each in
    a quarter more than the one before; the best one's template then tells the diameter.

    Returns:
        None where no search finds a particle.
    """
    largest = min(_LARGEST_ANGSTROM, min(micrograph.shape) * pixel_size_angstrom / _FIELD_DIAMETERS)
    if largest < _SMALLEST_ANGSTROM:
        return None
    finest = _SMALLEST_ANGSTROM / _PIXELS_PER_DIAMETER / pixel_size_angstrom
    base = working_field(micrograph, finest, light=light, threads=threads)
    if base.missing.all():
        return None
    image = np.where(base.missing, np.float32(np.nan), base.image)
    pixel_size = pixel_size_angstrom * max(base.scale)
    # Parts of a large particle are more, and each of them a little like a small one: hence the
    # weight by diameter.
    best, count, sought, measured = 0.0, 0, _SMALLEST_ANGSTROM, _SMALLEST_ANGSTROM
    diameter = _SMALLEST_ANGSTROM
    while diameter <= largest:
        found, template = _search_one(image, pixel_size, diameter, threads)
        if found.evidence * diameter > best:
            best, count = found.evidence * diameter, len(found.scores)
            sought, measured = diameter, template
        diameter *= _RATIO
    return _confirm(image, pixel_size, (measured, sought), count, threads) if count else None


def _confirm(
    image: ImageArray,
    pixel_size_angstrom: float,
    between: tuple[float, float],
    count: int,
    threads: int,
) -> float:
    """Return the template's diameter, or what lies towards the one sought if that finds more."""
    measured, sought = between
    for candidate in (measured, math.sqrt(measured * sought)):
        found, _ = _search_one(image, pixel_size_angstrom, candidate, threads)
        if len(found.scores) >= _CONFIRMED * count:
            return candidate
    return sought


def _search_one(
    image: ImageArray, pixel_size_angstrom: float, diameter: float, threads: int
) -> tuple[Found, float]:
    """Search for one diameter; return what was found and the diameter that its template has."""
    shrink = diameter / _PIXELS_PER_DIAMETER / pixel_size_angstrom
    field = working_field(image, shrink, light=True, threads=threads)
    width = diameter / (pixel_size_angstrom * max(field.scale))
    found = search(field.level(), field.missing, width, threads=threads)
    if found.template is None:
        return found, diameter
    measured = template_diameter(found.template, width) / width
    return found, diameter * float(np.clip(measured, *_TRUSTED))
