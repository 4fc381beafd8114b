"""One search for particles of one diameter, which teaches itself its template."""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation, middle
from cryobatch.imaging.picking_field import flatten
from cryobatch.imaging.picking_template import (
    DiskField,
    PointArray,
    ScoreMap,
    Template,
    blob_response,
    correlate,
    disk_field,
    local_maxima,
    refine,
    teach,
)
from cryobatch.imaging.picking_threshold import Threshold, find_threshold, phase_twin

ROUNDS = 3
DISK_RADIUS = 0.65
SPACING = 0.6
_TEACHING_SHARE = 0.5
_LEAST_TEACHERS = 20
_FEW_TEACHERS = 6
_TWIN_SEED = 20_150_101
# A particle need not be round, but its round template must explain a part of what stands above the
# noise; gold, edges and dirt of another size have little in common with it.
_LEAST_EXPLAINED = 0.2
_SURE_DEVIATIONS = 2.0
_AMPLITUDE_LIMIT = 3.0


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found.

    Attributes:
        points: ``(n, 2)`` float64 x and y in working pixels, best first.
        scores: ``(n,)`` float64.
        threshold: From where on a maximum counted.
        chance: Score that one in ten maxima of a twin without particles passes.
        template: The template of the last round; None where there was nothing to learn from.
    """

    points: FloatArray
    scores: FloatArray
    threshold: Threshold
    chance: float
    template: Template | None

    @property
    def pixels(self) -> PointArray:
        """``(n, 2)`` the working pixels nearest to the points."""
        return np.rint(self.points).astype(np.int64)

    @property
    def evidence(self) -> float:
        """Sum of how far the scores pass chance: compares searches by what they explain."""
        return float(np.sum(np.maximum(self.scores - self.chance, 0.0)))


def search(
    image: ImageArray,
    excluded: MaskArray,
    diameter_px: float,
    *,
    spacing: float = SPACING,
    threshold: float | None = None,
    threads: int = 1,
) -> Found:
    """Search a working image for particles of a diameter.

    Args:
        image: ``(rows, columns)`` float32, particles positive, outliers limited.
        excluded: ``(rows, columns)`` bool, where nothing is sought.
        diameter_px: Diameter in working pixels.
        spacing: Smallest distance of two particles, in diameters.
        threshold: Score from which on a maximum counts; None finds it.
        threads: Threads of the transforms.
    """
    flat = flatten(image, excluded, diameter_px)
    twin = phase_twin(flat, _TWIN_SEED, threads)
    # Left empty, excluded places would lower the noise under a disk beside them.
    flat = np.where(excluded, twin, flat)
    setup = _Setup(excluded, diameter_px, spacing * diameter_px, threshold)
    real, twin_field = (_lesson(one, setup, threads) for one in (flat, twin))
    many = max(_LEAST_TEACHERS, int(len(real.blobs) * _TEACHING_SHARE))
    first = _attempt(setup, real, twin_field, many)
    few = len(first.scores) or _FEW_TEACHERS
    if few > many * _TEACHING_SHARE:
        return first
    second = _attempt(setup, real, twin_field, few)
    return second if second.evidence > first.evidence else first


@dataclass(frozen=True, slots=True)
class _Setup:
    """What all attempts of a search share; lengths in working pixels."""

    excluded: MaskArray
    diameter: float
    distance: float
    threshold: float | None


@dataclass(frozen=True, slots=True)
class _Lesson:
    """An image to learn from and to search: ready for templates, and its blobs, best first."""

    image: ImageArray
    field: DiskField
    blobs: PointArray


def _lesson(image: ImageArray, setup: _Setup, threads: int) -> _Lesson:
    field = disk_field(image, DISK_RADIUS * setup.diameter, threads)
    return _Lesson(image, field, _blobs(image, setup))


def _attempt(setup: _Setup, real: _Lesson, twin: _Lesson, teachers: int) -> Found:
    """Search with so many teachers; the twin is taught by as many, so that both compare."""
    taught = _teach_and_score(setup, real, teachers)
    chance = _teach_and_score(setup, twin, teachers)
    if taught is None or chance is None:
        nothing = Threshold(math.inf, "nothing to learn a template from")
        return Found(np.empty((0, 2)), np.empty(0), nothing, 0.0, None)
    template, scored, points = taught
    scores, by_chance = _values(scored.score, points), _values(chance[1].score, chance[2])
    limit = find_threshold(scores, by_chance)
    if setup.threshold is not None:
        limit = Threshold(setup.threshold, "given")
    chosen = scores >= limit.score
    chosen[chosen] = _plausible(scored, points[chosen])
    where = refine(scored.score, points[chosen])
    start = float(np.quantile(by_chance, 0.9))
    return Found(where, scores[chosen], limit, start, template)


def _blobs(image: ImageArray, setup: _Setup) -> PointArray:
    response = blob_response(image, setup.diameter)
    return _allowed(local_maxima(response, setup.distance), setup.excluded)


def _teach_and_score(
    setup: _Setup, lesson: _Lesson, teachers: int
) -> tuple[Template, ScoreMap, PointArray] | None:
    """Let the best places teach the template that finds better ones, three times over."""
    template: Template | None = None
    points = lesson.blobs
    for _ in range(ROUNDS):
        template = teach(lesson.image, points[:teachers], lesson.field.radius, template)
        if template is None:
            return None
        scored = correlate(lesson.field, template)
        points = _allowed(local_maxima(scored.score, setup.distance), setup.excluded)
    return (template, scored, points) if template is not None else None


def _allowed(points: PointArray, excluded: MaskArray) -> PointArray:
    return points[~excluded[points[:, 1], points[:, 0]]]


def _plausible(scored: ScoreMap, points: PointArray) -> MaskArray:
    """Return ``(n,)`` bool: whether a place looks like the others, not like gold, ice or dirt."""
    if not len(points):
        return np.zeros(0, dtype=bool)
    along = _values(scored.amplitude, points)
    usual_energy = middle(scored.energy)
    noise = usual_energy + _SURE_DEVIATIONS * deviation(scored.energy)
    explained = along**2 / np.maximum(_values(scored.energy, points) - noise, along**2)
    usual = along < _AMPLITUDE_LIMIT * np.median(along)
    return np.asarray((explained >= _LEAST_EXPLAINED) & usual)


def _values(field: ImageArray, points: PointArray) -> FloatArray:
    return field[points[:, 1], points[:, 0]].astype(np.float64)
