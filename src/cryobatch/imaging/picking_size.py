"""The diameter of particles, from a template or from a whole micrograph."""

import numpy as np

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.picking_field import working_field
from cryobatch.imaging.picking_search import search
from cryobatch.imaging.picking_template import Template

_SMALLEST_ANGSTROM = 70.0
_LARGEST_ANGSTROM = 500.0
_RATIO = 1.25
_PIXELS_PER_DIAMETER = 14.0
_FIELD_DIAMETERS = 4.0
_STEPS_PER_PIXEL = 2.0
# The half height of the edge lies inside the outer diameter, by the softness of a protein's border.
_EDGE_SOFTNESS = 1.06


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
    best, estimate = 0.0, None
    largest = min(_LARGEST_ANGSTROM, min(micrograph.shape) * pixel_size_angstrom / _FIELD_DIAMETERS)
    diameter = _SMALLEST_ANGSTROM
    while diameter <= largest:
        shrink = diameter / _PIXELS_PER_DIAMETER / pixel_size_angstrom
        field = working_field(micrograph, shrink, light=light, threads=threads)
        width = diameter / (pixel_size_angstrom * max(field.scale))
        found = search(field.level(), field.missing, width, threads=threads)
        if found.evidence > best and found.template is not None:
            measured = template_diameter(found.template, width) / width
            best, estimate = found.evidence, diameter * float(np.clip(measured, 0.7, 1.3))
        diameter *= _RATIO
    return estimate
