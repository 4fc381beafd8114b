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
    repeated,
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
    setup = _Setup(diameter_px, spacing * diameter_px)
    quiet = _without_outstanding(flat, excluded, setup)
    twin = phase_twin(quiet, _TWIN_SEED, diameter_px, threads)
    # Left empty, excluded places would lower the noise under a disk beside them.
    flat = np.where(excluded, repeated(twin, flat.shape), flat) if excluded.any() else flat
    real = _lesson(flat, excluded, setup, rounds, threads, teachers)
    # The places that teach the real image had been found by searches before.
    before = 0 if teachers is None else rounds
    nowhere = np.zeros(twin.shape, dtype=bool)
    chance = _lesson(twin, nowhere, setup, rounds + before, threads)
    best = _best_attempt(setup, real, chance, None if teachers is None else len(teachers))
    if best is None:
        return _nothing("nothing to learn a template from", None)
    if not len(best.values) or not len(best.by_chance):
        return _nothing("no maximum to judge", best.template)
    return _found(setup, real, best, threshold, scaled, threads)


@dataclass(frozen=True, slots=True)
class _Setup:
    """What all attempts of a search share; lengths in working pixels."""

    diameter: float
    distance: float


@dataclass(frozen=True, slots=True)
class _Lesson:
    """An image to learn from and to search: ready for templates, with its first teachers."""

    image: ImageArray
    excluded: MaskArray
    field: DiskField
    first: PointArray
    rounds: int


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What so many teachers led to.

    Attributes:
        template: Of the last round.
        scored: How it fits everywhere.
        points: ``(n, 2)`` the maxima, best first.
        values: ``(n,)`` their correlations.
        by_chance: ``(m,)`` correlations of the twin's maxima.
        chance_amplitude: ``(rows, columns)`` of the twin.
        limit: Correlation from which on a maximum counts.
        chosen: ``(n,)`` bool, which do.
        teachers: How many.
    """

    template: Template
    scored: ScoreMap
    points: PointArray
    values: FloatArray
    by_chance: FloatArray
    chance_amplitude: ImageArray
    limit: Threshold
    chosen: MaskArray
    teachers: int

    @property
    def evidence(self) -> float:
        """Sum of how far what counts passes what one in ten of the twin's maxima passes."""
        if not self.chosen.any():
            return 0.0
        passed = self.values[self.chosen] - float(np.quantile(self.by_chance, 0.9))
        return float(np.maximum(passed, 0.0).sum())


def _lesson(
    image: ImageArray,
    excluded: MaskArray,
    setup: _Setup,
    rounds: int,
    threads: int,
    first: PointArray | None = None,
) -> _Lesson:
    field = disk_field(image, DISK_RADIUS * setup.diameter, threads)
    first = _blobs(image, excluded, setup) if first is None else first
    return _Lesson(image, excluded, field, first, rounds)


def _best_attempt(
    setup: _Setup, real: _Lesson, chance: _Lesson, given: int | None
) -> _Attempt | None:
    """Let many blobs teach, then as few as that found, if they find more; or those given."""
    if given is not None:
        return _attempt(setup, real, chance, given)
    many = max(_LEAST_TEACHERS, int(len(real.first) * _TEACHING_SHARE))
    first = _attempt(setup, real, chance, many)
    few = (np.count_nonzero(first.chosen) if first else 0) or _FEW_TEACHERS
    if few > many * _TEACHING_SHARE:
        return first
    second = _attempt(setup, real, chance, int(few))
    if first is None or (second is not None and second.evidence >= first.evidence):
        return second
    return first


def _attempt(setup: _Setup, real: _Lesson, twin: _Lesson, teachers: int) -> _Attempt | None:
    """Search with so many teachers; the twin is taught by as many, so that both compare."""
    share = min(twin.image.size / real.image.size, 1.0)
    by_twin = min(teachers, max(_LEAST_TEACHERS, round(teachers * share)))
    taught = _teach_and_score(setup, real, teachers)
    chance = _teach_and_score(setup, twin, by_twin)
    if taught is None or chance is None:
        return None
    template, scored, points = taught
    values, by_chance = _values(scored.score, points), _values(chance[1].score, chance[2])
    limit = find_threshold(values, by_chance)
    return _Attempt(
        template, scored, points, values, by_chance, chance[1].amplitude, limit,
        _chosen(scored, points, values >= limit.score), teachers,
    )  # fmt: skip


def _found(
    setup: _Setup,
    real: _Lesson,
    best: _Attempt,
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
            chosen = _chosen(best.scored, best.points, values >= limit.score)
    points = best.points[chosen]
    return Found(
        refine(best.scored.score, points),
        scale.scores(values[chosen]),
        Threshold(float(scale.scores(np.array(limit.score))), limit.reason),
        best.evidence,
        _spread(_values(best.scored.amplitude, points), best.chance_amplitude),
        best.template,
        best.points[: best.teachers].astype(np.float64),
    )


def _nothing(reason: str, template: Template | None) -> Found:
    none = np.empty((0, 2))
    return Found(none, np.empty(0), Threshold(math.inf, reason), 0.0, 0.0, template, none)


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


def _without_outstanding(image: ImageArray, excluded: MaskArray, setup: _Setup) -> ImageArray:
    """Return the image without the few places that answer far more to a blob than the others.

    A twin that had their power would score as they do.
    """
    response = blob_response(image, setup.diameter)
    points = _allowed(local_maxima(response, setup.distance), excluded)
    values = _values(response, points)
    if not len(values):
        return image
    limit = float(np.median(values)) + _OUTSTANDING * deviation(values)
    few = points[: min(int(np.count_nonzero(values > limit)), int(_FEW * len(points)))]
    rest = np.ones(image.shape, dtype=bool)
    rest[few[:, 1], few[:, 0]] = False
    return image * ~grow(~rest, DISK_RADIUS * setup.diameter)


def _blobs(image: ImageArray, excluded: MaskArray, setup: _Setup) -> PointArray:
    response = blob_response(image, setup.diameter)
    return _allowed(local_maxima(response, setup.distance), excluded)


def _teach_and_score(
    setup: _Setup, lesson: _Lesson, teachers: int
) -> tuple[Template, ScoreMap, PointArray] | None:
    """Let the best places teach the template that finds better ones, some times over."""
    template: Template | None = None
    points = lesson.first
    for _ in range(lesson.rounds):
        template = teach(lesson.image, points[:teachers], lesson.field.radius, template)
        if template is None:
            return None
        scored = correlate(lesson.field, template)
        points = _allowed(local_maxima(scored.score, setup.distance), lesson.excluded)
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
