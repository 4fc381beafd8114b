"""One search for particles of one diameter, which teaches itself its template."""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation
from cryobatch.imaging.picking_attempt import (
    Attempt,
    Lesson,
    Setup,
    best_attempt,
    choose,
    prepare_lesson,
    values_at,
    without_outstanding,
)
from cryobatch.imaging.picking_field import flatten
from cryobatch.imaging.picking_patches import PointArray, on_drops
from cryobatch.imaging.picking_scale import Scale, find_scale
from cryobatch.imaging.picking_template import Template, refine
from cryobatch.imaging.picking_threshold import (
    Threshold,
    phase_twin,
    repeated,
)

ROUNDS = 3
SPACING = 0.6
_TWIN_SEED = 20_150_101
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found.

    Attributes:
        points: ``(n, 2)`` float64 x and y in working pixels, best first.
        scores: ``(n,)`` float64, on the scale that all micrographs share.
        threshold: From where on a maximum counted, on the same scale.
        evidence: Sum of how far correlations pass what one in ten maxima of a twin without
            particles passes: compares searches by what they explain.
        spread: How much the places differ in strength beyond noise, as a part of their strength.
        template: The template of the last round; None where there was nothing to learn from.
        teachers: ``(m, 2)`` float64 x and y of the maxima that would teach the next template.
    """

    points: FloatArray
    scores: FloatArray
    threshold: Threshold
    evidence: float
    spread: float
    template: Template | None
    teachers: FloatArray

    @property
    def pixels(self) -> PointArray:
        """``(n, 2)`` the working pixels nearest to the points."""
        return np.rint(self.points).astype(np.int64)


def search(
    image: ImageArray,
    excluded: MaskArray,
    diameter_px: float,
    *,
    spacing: float = SPACING,
    threshold: float | None = None,
    scaled: bool = True,
    rounds: int = ROUNDS,
    teachers: PointArray | None = None,
    threads: int = 1,
) -> Found:
    """Search a working image for particles of a diameter.

    Args:
        image: ``(rows, columns)`` float32, particles positive, outliers limited.
        excluded: ``(rows, columns)`` bool, where nothing is sought.
        diameter_px: Diameter in working pixels.
        spacing: Smallest distance of two particles, in diameters.
        threshold: Score, on the shared scale, from which on a maximum counts; None finds it.
        scaled: Whether to find that scale; else scores are correlations.
        rounds: How often a template finds the places that teach the next.
        teachers: ``(n, 2)`` x and y of what teaches the first template, as a search in a coarser
            image found it; None lets the image's blobs teach it.
        threads: Threads of the transforms.
    """
    flat = flatten(image, excluded, diameter_px)
    setup = Setup(diameter_px, spacing * diameter_px)
    quiet, blobs = without_outstanding(flat, excluded, setup)
    twin = phase_twin(quiet, _TWIN_SEED, diameter_px, threads)
    # Left empty, excluded places would lower the noise under a disk beside them.
    flat = np.where(excluded, repeated(twin, flat.shape), flat) if excluded.any() else flat
    # What fills excluded places changes the blobs beside them.
    first = teachers if teachers is not None else None if excluded.any() else blobs
    real = prepare_lesson(flat, excluded, setup, rounds, threads, first)
    # The places that teach the real image had been found by searches before.
    before = 0 if teachers is None else rounds
    nowhere = np.zeros(twin.shape, dtype=bool)
    chance = prepare_lesson(twin, nowhere, setup, rounds + before, threads)
    best = best_attempt(setup, real, chance, None if teachers is None else len(teachers))
    if best is None:
        return _nothing("nothing to learn a template from", None)
    if not len(best.values) or not len(best.by_chance):
        return _nothing("no maximum to judge", best.template)
    return _found(setup, real, best, threshold, scaled, threads)


def _found(
    setup: Setup,
    real: Lesson,
    best: Attempt,
    threshold: float | None,
    scaled: bool,
    threads: int,
) -> Found:
    """Tell what was found on the shared scale."""
    limit, chosen, values = best.limit, best.chosen, best.values
    scale = Scale(0.0, 1.0)
    if scaled:
        radius, particles = real.field.radius, best.points[chosen]
        scale = find_scale(
            real.image, real.excluded, particles, best.template, radius, setup.distance, threads
        )
        if threshold is not None:
            limit = Threshold(scale.correlation(threshold), "given")
            chosen = choose(best.scored, best.points, values >= limit.score)
        chosen = chosen.copy()
        chosen[chosen] = ~on_drops(real.image, best.points[chosen], setup.diameter)
    points = best.points[chosen]
    return Found(
        refine(best.scored.score, points),
        scale.scores(values[chosen]),
        Threshold(float(scale.scores(np.array(limit.score))), limit.reason),
        best.evidence,
        _spread(values_at(best.scored.amplitude, points), best.chance_amplitude),
        best.template,
        best.points[: best.teachers].astype(np.float64),
    )


def _nothing(reason: str, template: Template | None) -> Found:
    none = np.empty((0, 2))
    return Found(none, np.empty(0), Threshold(math.inf, reason), 0.0, 0.0, template, none)


def _spread(strength: FloatArray, noise: ImageArray) -> float:
    """Return how much strengths differ beyond what noise does to them, over their median."""
    if not len(strength):
        return 0.0
    excess = deviation(strength) ** 2 - deviation(noise) ** 2
    return math.sqrt(max(excess, 0.0)) / max(float(np.median(strength)), _TINY)
