"""Decide where in a micrograph particles are sought, in a coarse image of it.

Lumps always are left out; carbon film where it is darker than particles; ever fainter spots while
that finds more. A coarse search tells, and its places teach the first template of the fine one.
"""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.exclusion import (
    MaskArray,
    area_darkness,
    areas,
    darkness,
    lumps,
    spots,
)
from cryobatch.imaging.picking_field import WorkingField, limited
from cryobatch.imaging.picking_patches import contrast
from cryobatch.imaging.picking_search import Found, search

_ROUNDS = 2
_SPOT_LIMITS = (24.0, 12.0, 6.0)
# Protein in ice stood out by up to 9 deviations, gold by 35 and more; in stain there is no limit.
_SPOT_LIMITS_OF_LIGHT = (math.inf, *_SPOT_LIMITS)
_SPOT_MARGIN = 0.35
# Crowds of particles reached 0.6 of a particle's contrast, carbon film began at 5.
_DARKER_THAN_PARTICLES = 1.5
# Leaving places out must pay: so many more particles must be found in the others.
_WORTH_EXCLUDING = 1.25
_WORTH_EXCLUDING_LEAST = 3


@dataclass(frozen=True, slots=True)
class Sketch:
    """A coarse image in which a search is tried.

    Attributes:
        field: The coarse image.
        level: The same without its slope.
        diameter_px: Diameter in its pixels.
        spacing: Smallest distance of two particles, in diameters.
        light: Whether particles are lighter than what is around them.
        threads: Threads of the transforms.
    """

    field: WorkingField
    level: ImageArray
    diameter_px: float
    spacing: float
    light: bool
    threads: int

    def search(self, excluded: MaskArray) -> Found:
        """Search outside of what is excluded; scores are correlations."""
        return search(
            limited(self.level),
            excluded,
            self.diameter_px,
            spacing=self.spacing,
            scaled=False,
            rounds=_ROUNDS,
            threads=self.threads,
        )


def search_everywhere(sketch: Sketch) -> tuple[Found, MaskArray]:
    """Search wherever there is an image."""
    return sketch.search(sketch.field.missing), sketch.field.missing


def search_outside_dirt(sketch: Sketch) -> tuple[Found, MaskArray]:
    """Search everywhere but in lumps, then outside of carbon film if there is any."""
    missing, diameter_px = sketch.field.missing, sketch.diameter_px
    always = missing | lumps(sketch.level, missing, diameter_px)
    everywhere = _search_around_spots(sketch, always)
    image = sketch.field.limited()
    film = areas(image, missing, diameter_px)
    if not film.any():
        return everywhere
    particle = contrast(image, everywhere[0].pixels, diameter_px)
    if area_darkness(image, missing, film) < _DARKER_THAN_PARTICLES * particle:
        return everywhere
    return _search_around_spots(sketch, always | film)


def _search_around_spots(sketch: Sketch, always: MaskArray) -> tuple[Found, MaskArray]:
    """Search with the strongest spots left out, then with ever fainter ones, if that finds more."""
    best: tuple[Found, MaskArray] | None = None
    prominence = darkness(sketch.field.image, sketch.diameter_px)
    for limit in _SPOT_LIMITS_OF_LIGHT if sketch.light else _SPOT_LIMITS:
        left_out = always if best is None else best[1]
        if best is not None and not np.any((prominence > limit) & ~left_out):
            continue
        excluded = always | spots(prominence, limit, _SPOT_MARGIN * sketch.diameter_px)
        found = sketch.search(excluded)
        if best is None or len(found.scores) > _worth(best[0]):
            best = found, excluded
    assert best is not None
    return best


def _worth(found: Found) -> float:
    return _WORTH_EXCLUDING * len(found.scores) + _WORTH_EXCLUDING_LEAST
