"""The diameter of particles, from a template or from a whole micrograph."""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.exclusion import lumps
from cryobatch.imaging.picking_field import ReadyMicrograph, limited, working_field
from cryobatch.imaging.picking_search import Found, search
from cryobatch.imaging.picking_template import Template

_SMALLEST_ANGSTROM = 70.0
_LARGEST_ANGSTROM = 500.0
_RATIO = 1.4
_PIXELS_PER_DIAMETER = 12.0
_FIELD_DIAMETERS = 4.0
_STEPS_PER_PIXEL = 2.0
# The half height of the edge lies inside the outer diameter, by the softness of a protein's border.
_EDGE_SOFTNESS = 1.06
# A template shows its edge also when it was sought as a much larger one, hardly as a smaller.
_TRUSTED = (0.35, 1.3)
_SIZE_POWER = 2.0
# Of particles twice as long as wide, the template is half as wide as they are long.
_LEAST_SHARE = 0.38
_SAME_COUNT = 0.8
# Drops and crystals alone, 1 to 8 of which passed for one kind, differed by 0.3 and more or were 5
# at most; particles, however few, by 0.15 at most.
_LEAST_COUNT = 6
_MANY = 20
_LARGEST_SPREAD = 0.25


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
    ready: ReadyMicrograph, pixel_size_angstrom: float, *, light: bool = False, threads: int = 1
) -> float | None:
    """Estimate the particles' diameter in Å: the one whose search explains most.

    Diameters from 70 to 500 Å are tried (as far as four of them fit into the micrograph), each
    1.4 times the one before; the best one's template then tells the diameter.

    Returns:
        None where no search finds enough particles: a few drops or crystals are alike, too.
    """
    trial = _Trial(ready, pixel_size_angstrom, light, threads)
    shortest = min(ready.image.shape) * pixel_size_angstrom
    largest = min(_LARGEST_ANGSTROM, shortest / _FIELD_DIAMETERS)
    if largest < _SMALLEST_ANGSTROM or ready.missing.all():
        return None
    # Parts of a large particle are more, and each of them a little like a small one: hence the
    # weight by size.
    best, count, sought, measured = 0.0, 0, _SMALLEST_ANGSTROM, _SMALLEST_ANGSTROM
    diameter = _SMALLEST_ANGSTROM
    while diameter <= largest:
        found, template = trial.search(diameter)
        weighted = found.evidence * diameter**_SIZE_POWER
        if weighted > best and template > _LEAST_SHARE * diameter and _alike(found):
            best, count = weighted, len(found.scores)
            sought, measured = diameter, max(template, _SMALLEST_ANGSTROM)
        diameter *= _RATIO
    return trial.confirm(measured, sought, count) if count >= _LEAST_COUNT else None


def _alike(found: Found) -> bool:
    """Return whether places that were found are of one kind: many, or equally strong."""
    return len(found.scores) >= _MANY or found.spread < _LARGEST_SPREAD


@dataclass(frozen=True, slots=True)
class _Trial:
    """A micrograph in which diameters are tried."""

    ready: ReadyMicrograph
    pixel_size_angstrom: float
    light: bool
    threads: int

    def search(self, diameter: float) -> tuple[Found, float]:
        """Search for one diameter; return what was found and the diameter that its template has."""
        shrink = diameter / _PIXELS_PER_DIAMETER / self.pixel_size_angstrom
        field = working_field(self.ready, shrink, light=self.light, threads=self.threads)
        width = diameter / (self.pixel_size_angstrom * max(field.scale))
        level = field.level()
        excluded = field.missing | lumps(level, field.missing, width)
        found = search(limited(level), excluded, width, scaled=False, threads=self.threads)
        if found.template is None:
            return found, diameter
        measured = template_diameter(found.template, width) / width
        return found, diameter * float(np.clip(measured, *_TRUSTED))

    def confirm(self, measured: float, sought: float, count: int) -> float:
        """Return the template's diameter, or what lies towards the one sought.

        The first that finds about as many: a long particle's round template is narrower than it is
        long, and with that diameter both ends would be found.
        """
        for candidate in (measured, math.sqrt(measured * sought)):
            found, _ = self.search(candidate)
            if _SAME_COUNT * count <= len(found.scores) <= count / _SAME_COUNT:
                return candidate
        return sought
