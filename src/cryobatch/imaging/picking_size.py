"""The diameter of particles, from a template or from a whole micrograph."""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.exclusion import lumps
from cryobatch.imaging.picking_field import ReadyMicrograph, limited, working_field
from cryobatch.imaging.picking_search import search
from cryobatch.imaging.picking_template import Template

DIAMETERS_ANGSTROM = (70.0, 98.0, 137.0, 192.0, 269.0, 376.0, 500.0)
_PIXELS_PER_DIAMETER = 12.0
_FIELD_DIAMETERS = 4.0
# 33 diameters a side hold particles enough to tell theirs.
_LARGEST_SIDE = 400
_ROUNDS = 2
_STEPS_PER_PIXEL = 2.0
# The half height of the edge lies inside the outer diameter, by the softness of a protein's border.
_EDGE_SOFTNESS = 1.06
# A template shows its edge also when it was sought as a much larger one, hardly as a smaller.
_TRUSTED = (0.35, 1.3)
_SIZE_POWER = 2.0
# Of particles twice as long as wide, the template is half as wide as they are long.
_LEAST_SHARE = 0.38
_SAME_COUNT = 0.8
# Sought with a disk twice as wide as they are, particles in crowds were 0.65 to 0.8 of them found;
# where both ends of long ones are found, one of each is 0.5 to 0.65.
_LEAST_OF_CROWD = 0.6
_LEAST_SEEN = 0.7
# Drops and crystals alone, 1 to 8 of which passed for one kind, differed by 0.3 and more or were 5
# at most; particles, however few, by 0.15 at most.
_LEAST_COUNT = 6
_MANY = 20
_LARGEST_SPREAD = 0.25


def least_shrink(pixel_size_angstrom: float) -> float:
    """Return by how much a micrograph is shrunk at least to estimate a diameter."""
    return DIAMETERS_ANGSTROM[0] / _PIXELS_PER_DIAMETER / pixel_size_angstrom


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

    Diameters from 70 to 500 Å are tried, as far as four of them fit into the micrograph; the best
    one's template then tells the diameter.

    Returns:
        None where no search finds enough particles: a few drops or crystals are alike, too.
    """
    trial = _Trial(ready, pixel_size_angstrom, light, threads)
    shortest = min(ready.image.shape) * pixel_size_angstrom
    largest = shortest / _FIELD_DIAMETERS
    if ready.missing.all():
        return None
    # Parts of a large particle are more, and each of them a little like a small one: hence the
    # weight by size.
    best, weight = None, 0.0
    for diameter in (each for each in DIAMETERS_ANGSTROM if each <= largest):
        tried = trial.search(diameter)
        weighted = tried.evidence * diameter**_SIZE_POWER
        if weighted > weight and tried.template > _LEAST_SHARE * diameter and tried.alike:
            best, weight = tried, weighted
    return trial.confirm(best) if best is not None and best.count >= _LEAST_COUNT else None


@dataclass(frozen=True, slots=True)
class _Tried:
    """What the search for one diameter found.

    Attributes:
        diameter: That was sought, Å.
        template: Diameter that the template has, Å.
        count: Places that were found.
        density: The same for the area of the whole micrograph.
        evidence: As of a search, for the area of the whole micrograph.
        spread: As of a search.
    """

    diameter: float
    template: float
    count: int
    density: float
    evidence: float
    spread: float

    @property
    def alike(self) -> bool:
        """Whether places that were found are of one kind: many, or equally strong."""
        return self.count >= _MANY or self.spread < _LARGEST_SPREAD


@dataclass(frozen=True, slots=True)
class _Trial:
    """A micrograph in which diameters are tried."""

    ready: ReadyMicrograph
    pixel_size_angstrom: float
    light: bool
    threads: int

    def search(self, diameter: float) -> _Tried:
        """Search the middle of the micrograph for one diameter."""
        shrink = diameter / _PIXELS_PER_DIAMETER / self.pixel_size_angstrom
        field = working_field(
            self.ready, shrink, largest_side=_LARGEST_SIDE, light=self.light, threads=self.threads
        )
        share = field.image.size * math.prod(field.scale) / self.ready.image.size
        width = diameter / (self.pixel_size_angstrom * max(field.scale))
        level = field.level()
        excluded = field.missing | lumps(level, field.missing, width)
        found = search(
            limited(level), excluded, width, scaled=False, rounds=_ROUNDS, threads=self.threads
        )
        measured = 1.0
        if found.template is not None:
            measured = float(np.clip(template_diameter(found.template, width) / width, *_TRUSTED))
        count = len(found.scores)
        evidence = found.evidence / share
        return _Tried(diameter, diameter * measured, count, count / share, evidence, found.spread)

    def confirm(self, best: _Tried) -> float:
        """Return the template's diameter, or what lies towards the one sought.

        The first that finds about as many: a long particle's round template is narrower than it is
        long, and with that diameter both ends would be found. In a crowd, too wide a search passes
        over neighbours: there, narrower ones find some more, but not twice as many.
        """
        measured = max(best.template, DIAMETERS_ANGSTROM[0])
        between = math.sqrt(measured * best.diameter)
        densities: list[float] = []
        for candidate in (measured, between):
            densities.append(self.search(candidate).density)
            if _alike(densities[-1], best.density):
                return candidate
        narrow, wide = densities
        if _alike(narrow, wide) and best.density < wide < best.density / _LEAST_OF_CROWD:
            return measured
        return between if best.density < wide < best.density / _LEAST_SEEN else best.diameter


def _alike(one: float, other: float) -> bool:
    return _SAME_COUNT * other <= one <= other / _SAME_COUNT
