"""One search for particles of one diameter, which teaches itself its template."""

import math
from dataclasses import dataclass

import numpy as np

from cryobatch.imaging.arrays import FloatArray, ImageArray
from cryobatch.imaging.exclusion import MaskArray, deviation, grow, middle
from cryobatch.imaging.picking_field import flatten
from cryobatch.imaging.picking_scale import Scale, find_scale
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
from cryobatch.imaging.picking_threshold import (
    Threshold,
    find_threshold,
    phase_twin,
)

ROUNDS = 3
DISK_RADIUS = 0.65
SPACING = 0.6
_TEACHING_SHARE = 0.5
_LEAST_TEACHERS = 20
_FEW_TEACHERS = 6
_OUTSTANDING = 4.0
_FEW = 0.25
_TWIN_SEED = 20_150_101
# A particle need not be round, but its round template must explain a part of what stands above the
# noise; gold, edges and dirt of another size have little in common with it.
_LEAST_EXPLAINED = 0.2
_SURE_DEVIATIONS = 2.0
_AMPLITUDE_LIMIT = 3.0
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
    """

    points: FloatArray
    scores: FloatArray
    threshold: Threshold
    evidence: float
    spread: float
    template: Template | None

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
        threads: Threads of the transforms.
    """
    flat = flatten(image, excluded, diameter_px)
    setup = _Setup(excluded, diameter_px, spacing * diameter_px, threshold, scaled, rounds)
    twin = phase_twin(_without_outstanding(flat, setup), _TWIN_SEED, threads)
    # Left empty, excluded places would lower the noise under a disk beside them.
    flat = np.where(excluded, twin, flat)
    real, twin_field = (_lesson(one, setup, threads) for one in (flat, twin))
    many = max(_LEAST_TEACHERS, int(len(real.blobs) * _TEACHING_SHARE))
    first = _attempt(setup, real, twin_field, many, threads)
    few = len(first.scores) or _FEW_TEACHERS
    if few > many * _TEACHING_SHARE:
        return first
    second = _attempt(setup, real, twin_field, few, threads)
    return second if second.evidence > first.evidence else first


@dataclass(frozen=True, slots=True)
class _Setup:
    """What all attempts of a search share; lengths in working pixels."""

    excluded: MaskArray
    diameter: float
    distance: float
    threshold: float | None
    scaled: bool
    rounds: int


@dataclass(frozen=True, slots=True)
class _Lesson:
    """An image to learn from and to search: ready for templates, and its blobs, best first."""

    image: ImageArray
    field: DiskField
    blobs: PointArray


def _lesson(image: ImageArray, setup: _Setup, threads: int) -> _Lesson:
    field = disk_field(image, DISK_RADIUS * setup.diameter, threads)
    return _Lesson(image, field, _blobs(image, setup))


def _attempt(setup: _Setup, real: _Lesson, twin: _Lesson, teachers: int, threads: int) -> Found:
    """Search with so many teachers; the twin is taught by as many, so that both compare."""
    taught = _teach_and_score(setup, real, teachers)
    chance = _teach_and_score(setup, twin, teachers)
    if taught is None or chance is None:
        nothing = Threshold(math.inf, "nothing to learn a template from")
        return Found(np.empty((0, 2)), np.empty(0), nothing, 0.0, 0.0, None)
    template, scored, points = taught
    values, by_chance = _values(scored.score, points), _values(chance[1].score, chance[2])
    if not len(values) or not len(by_chance):
        nothing = Threshold(math.inf, "no maximum to judge")
        return Found(np.empty((0, 2)), np.empty(0), nothing, 0.0, 0.0, template)
    limit = find_threshold(values, by_chance)
    chosen = _chosen(scored, points, values >= limit.score)
    if setup.scaled:
        radius = real.field.radius
        scale = find_scale(
            real.image, setup.excluded, points[chosen], template, radius, setup.distance, threads
        )
        if setup.threshold is not None:
            limit = Threshold(scale.correlation(setup.threshold), "given")
            chosen = _chosen(scored, points, values >= limit.score)
    else:
        scale = Scale(0.0, 1.0)
    passed = values[chosen] - float(np.quantile(by_chance, 0.9))
    return Found(
        refine(scored.score, points[chosen]),
        scale.scores(values[chosen]),
        Threshold(float(scale.scores(np.array(limit.score))), limit.reason),
        float(np.maximum(passed, 0.0).sum()),
        _spread(_values(scored.amplitude, points[chosen]), chance[1].amplitude),
        template,
    )


def _chosen(scored: ScoreMap, points: PointArray, high: MaskArray) -> MaskArray:
    """Return ``(n,)`` bool: the high ones that are plausible."""
    chosen = high.copy()
    chosen[chosen] = _plausible(scored, points[chosen])
    return chosen


def _spread(strength: FloatArray, noise: ImageArray) -> float:
    """Return how much strengths differ beyond what noise does to them, over their median."""
    if not len(strength):
        return 0.0
    excess = deviation(strength) ** 2 - deviation(noise) ** 2
    return math.sqrt(max(excess, 0.0)) / max(float(np.median(strength)), _TINY)


def _without_outstanding(image: ImageArray, setup: _Setup) -> ImageArray:
    """Return the image without the few places that answer far more to a blob than the others.

    A twin that had their power would score as they do.
    """
    response = blob_response(image, setup.diameter)
    points = _allowed(local_maxima(response, setup.distance), setup.excluded)
    values = _values(response, points)
    if not len(values):
        return image
    limit = float(np.median(values)) + _OUTSTANDING * deviation(values)
    few = points[: min(int(np.count_nonzero(values > limit)), int(_FEW * len(points)))]
    rest = np.ones(image.shape, dtype=bool)
    rest[few[:, 1], few[:, 0]] = False
    return image * ~grow(~rest, DISK_RADIUS * setup.diameter)


def _blobs(image: ImageArray, setup: _Setup) -> PointArray:
    response = blob_response(image, setup.diameter)
    return _allowed(local_maxima(response, setup.distance), setup.excluded)


def _teach_and_score(
    setup: _Setup, lesson: _Lesson, teachers: int
) -> tuple[Template, ScoreMap, PointArray] | None:
    """Let the best places teach the template that finds better ones, some times over."""
    template: Template | None = None
    points = lesson.blobs
    for _ in range(setup.rounds):
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
